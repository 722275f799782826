using static TorchSharp.torch;

namespace HiMo.MLNet.Checkpoints;

/// <summary>A tensor under its original CLIP name, made of one or more stored ones.</summary>
/// <param name="Info">Name, type, shape and size as presented.</param>
/// <param name="Parts">Stored tensors; several are stacked along their first dimension.</param>
/// <param name="Transposed">Whether the only part, a matrix, is stored the other way round.</param>
internal sealed record MappedTensor(TensorInfo Info, StoredTensor[] Parts, bool Transposed)
{
    /// <summary>Reads it into a fresh, contiguous CPU tensor.</summary>
    internal Tensor Read()
    {
        Tensor tensor = empty(Info.Shape, dtype: Info.Type, device: CPU);
        try
        {
            if (Transposed)
            {
                using Tensor stored = empty(Parts[0].Info.Shape, dtype: Info.Type, device: CPU);
                Parts[0].CopyTo(stored);
                using Tensor turned = stored.t();
                tensor.copy_(turned);
            }
            else if (Parts is [var only])
            {
                only.CopyTo(tensor);
            }
            else
            {
                long row = 0;
                foreach (StoredTensor part in Parts)
                {
                    using Tensor rows = tensor.narrow(0, row, part.Info.Shape[0]);
                    part.CopyTo(rows);
                    row += part.Info.Shape[0];
                }
            }

            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }
}
