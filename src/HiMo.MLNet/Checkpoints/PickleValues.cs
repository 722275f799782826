using static TorchSharp.torch;

namespace HiMo.MLNet.Checkpoints;

/// <summary>What a name in a pickle may stand for.</summary>
internal enum PickleGlobalKind
{
    /// <summary>A dictionary: <c>collections.OrderedDict</c>, <c>collections.Counter</c>.</summary>
    Dictionary,

    /// <summary><c>torch._utils._rebuild_tensor</c> and <c>_rebuild_tensor_v2</c>.</summary>
    RebuildTensor,

    /// <summary>A function whose result is its first argument for our purposes, such as <c>_rebuild_parameter</c>.</summary>
    FirstArgument,

    /// <summary>A storage class; says the element type.</summary>
    Storage,

    /// <summary>A class of a TorchScript archive; its objects are bags of attributes.</summary>
    Module,

    /// <summary>A value of no interest here, such as <c>torch.device</c>.</summary>
    Inert,
}

/// <summary>A name that a pickle refers to; never resolved to code.</summary>
internal sealed record PickleGlobal(string Name, PickleGlobalKind Kind, ScalarType StorageType = default);

/// <summary>A TorchScript object: nothing but its attributes.</summary>
internal sealed class PickleModule
{
    internal Dictionary<string, object?> Attributes { get; set; } = [];
}

/// <summary>A reference to a block of elements stored beside the pickle.</summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="Type">The element type.</param>
/// <param name="Count">Elements of the whole block.</param>
/// <param name="ViewOffset">First element of the part that is meant (old files only).</param>
/// <param name="ViewCount">Elements of that part.</param>
internal sealed record PickleStorage(string Key, ScalarType Type, long Count, long ViewOffset, long ViewCount);

/// <summary>A tensor as a pickle describes it.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Shape, long[] Strides);
