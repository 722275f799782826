using System.Security.Cryptography;
using HiMo.MLNet.Checkpoints;
using TorchSharp;
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

    /// <summary>All that a copy of the networks has to have the same, in a fixed order.</summary>
    public IEnumerable<Tensor> Weights => ClipWeights.Tensors(Clip).OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => t.Value)
        .Concat(Masks?.parameters() ?? []);

    /// <summary>The SHA-256 of the towers' weights, hexadecimal.</summary>
    public string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using DisposeScope scope = NewDisposeScope();
        foreach ((_, Tensor tensor) in ClipWeights.Tensors(Clip).OrderBy(t => t.Key, StringComparer.Ordinal))
        {
            TensorBytes.ForEachChunk(tensor.detach().cpu().contiguous(), bytes => hash.AppendData(bytes));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Dispose()
    {
        Clip.Dispose();
        Masks?.Dispose();
    }
}
