using static TorchSharp.torch;

namespace HiMo.MLNet.Checkpoints;

/// <summary>What a checkpoint says of one tensor without reading it.</summary>
/// <param name="Name">Its name in the original CLIP state dict.</param>
/// <param name="Type">The stored element type.</param>
/// <param name="Shape">The shape; empty for a scalar.</param>
/// <param name="ByteCount">Bytes of the tensor's elements.</param>
internal sealed record TensorInfo(string Name, ScalarType Type, long[] Shape, long ByteCount);
