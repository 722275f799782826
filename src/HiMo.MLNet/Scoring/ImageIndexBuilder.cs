using HiMo.MLNet.Metrics;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>Collects an <see cref="ImageIndex"/> image by image, and never holds an embedding twice but those of one block.</summary>
/// <param name="dimension">d</param>
/// <param name="normalized">The embeddings are of length 1 as they come, and stay as they are.</param>
internal sealed class ImageIndexBuilder(int dimension, bool normalized = false)
{
    /// <summary>Embeddings of a block: few enough that a small index has work for every core.</summary>
    public const int BlockRows = 4096;

    private readonly List<string> _names = [];
    private readonly List<EmbeddingMatrix> _blocks = [];
    private float[] _block = [];
    private int _filled;

    public int Count => _names.Count;

    /// <param name="name">The image's.</param>
    /// <param name="embedding">d finite numbers.</param>
    public void Add(string name, in VBuffer<float> embedding) => embedding.CopyTo(NextRow(name));

    /// <inheritdoc cref="Add(string, in VBuffer{float})"/>
    public void Add(string name, ReadOnlySpan<float> embedding) => embedding.CopyTo(NextRow(name));

    private Span<float> NextRow(string name)
    {
        if (_filled == BlockRows * dimension)
        {
            FinishBlock();
        }

        if (_filled == _block.Length)
        {
            int rows = _blocks.Count > 0 ? BlockRows : Math.Clamp(2 * _block.Length / dimension, 16, BlockRows);
            Array.Resize(ref _block, rows * dimension);
        }

        _names.Add(name);
        _filled += dimension;
        return _block.AsSpan(_filled - dimension, dimension);
    }

    /// <summary>The index of all images so far; the builder is not used any more.</summary>
    public ImageIndex Build()
    {
        if (_filled > 0)
        {
            Array.Resize(ref _block, _filled);
            FinishBlock();
        }

        return new(_names, _blocks);
    }

    private void FinishBlock()
    {
        var block = new EmbeddingMatrix(_block, dimension);
        _blocks.Add(normalized ? block : block.Normalize());
        _block = [];
        _filled = 0;
    }
}
