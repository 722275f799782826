using static TorchSharp.torch;

namespace HiMo.MLNet;

/// <summary>A batch's loss and its parts. They live until the end of the step.</summary>
/// <param name="Total">The scalar to minimise.</param>
/// <param name="Parts">Its terms by name, before they are weighted; scalars.</param>
/// <param name="Components">m, the components that HiDe kept; 0 for the other objectives.</param>
public readonly record struct ObjectiveValue(Tensor Total, IReadOnlyList<(string Name, Tensor Value)> Parts, int Components = 0);
