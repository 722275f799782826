using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HiMo.MLNet.Modeling;

/// <summary>The networks that train, on one device.</summary>
/// <param name="Clip">The two towers.</param>
/// <param name="Masks">SmartCLIP's mask network, or null.</param>
/// <param name="Device">Where they are.</param>
internal sealed record NetworkReplica(ClipModel Clip, MaskNetwork? Masks, Device Device) : IDisposable
{
    /// <summary>Parameters by name; those of the mask network begin with <c>mask.</c></summary>
    public IEnumerable<(string Name, Parameter Parameter, bool IsMask)> Parameters =>
        Clip.named_parameters().Select(p => (p.name, p.parameter, false))
            .Concat(Masks?.named_parameters().Select(p => ("mask." + p.name, p.parameter, true)) ?? []);

    public void Dispose()
    {
        Clip.Dispose();
        Masks?.Dispose();
    }
}
