using System.Numerics;
using System.Runtime.InteropServices;

namespace HiMo.MLNet.Metrics;

/// <summary>
/// Inner products of rows with rows, in a summation order that depends on nothing but the dimension: the same two
/// vectors give the same bits wherever they stand. Ties can then be told by equality.
/// (<c>TensorPrimitives.Dot</c> makes no such promise: its order may depend on the alignment of its arguments.)
/// </summary>
internal static class SimilarityBlock
{
    private const int TileRows = 2;
    private const int TileColumns = 4;

    /// <summary>Fills <paramref name="block"/> with [<paramref name="rowCount"/>, <paramref name="columnCount"/>] inner products.</summary>
    public static void Compute(
        EmbeddingMatrix rows, int firstRow, int rowCount,
        EmbeddingMatrix columns, int firstColumn, int columnCount,
        Span<float> block)
    {
        int dimension = rows.Dimension;
        if (columns.Dimension != dimension)
        {
            throw new ArgumentException($"Expected embeddings of one dimension, found {dimension} and {columns.Dimension}.",
                nameof(columns));
        }

        ReadOnlySpan<float> left = rows.Rows(firstRow, rowCount);
        ReadOnlySpan<float> right = columns.Rows(firstColumn, columnCount);
        int tiledRows = rowCount - (rowCount % TileRows);
        int tiledColumns = columnCount - (columnCount % TileColumns);
        for (int row = 0; row < tiledRows; row += TileRows)
        {
            ReadOnlySpan<float> pair = left.Slice(row * dimension, TileRows * dimension);
            Span<float> output = block[(row * columnCount)..];
            for (int column = 0; column < tiledColumns; column += TileColumns)
            {
                Tile(pair, right.Slice(column * dimension, TileColumns * dimension), dimension, output[column..], columnCount);
            }
        }

        for (int row = 0; row < rowCount; row++)
        {
            for (int column = row < tiledRows ? tiledColumns : 0; column < columnCount; column++)
            {
                block[(row * columnCount) + column] =
                    Dot(left.Slice(row * dimension, dimension), right.Slice(column * dimension, dimension));
            }
        }
    }

    /// <summary>One inner product, bit for bit what <see cref="Compute"/> gives.</summary>
    public static float Dot(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        ref float a = ref MemoryMarshal.GetReference(left);
        ref float b = ref MemoryMarshal.GetReference(right);
        int vectorized = left.Length - (left.Length % Vector<float>.Count);
        Vector<float> sum = default;
        for (nuint i = 0; i < (nuint)vectorized; i += (nuint)Vector<float>.Count)
        {
            sum = Vector.FusedMultiplyAdd(Vector.LoadUnsafe(ref a, i), Vector.LoadUnsafe(ref b, i), sum);
        }

        return Finish(sum, left[vectorized..], right[vectorized..]);
    }

    /// <summary>2 × 4 inner products at once: each value loaded is used in several products while it is in a register.</summary>
    private static void Tile(ReadOnlySpan<float> left, ReadOnlySpan<float> right, int dimension, Span<float> output, int stride)
    {
        ref float a = ref MemoryMarshal.GetReference(left);
        ref float b = ref MemoryMarshal.GetReference(right);
        nuint next = (nuint)dimension;
        Vector<float> sum00 = default, sum01 = default, sum02 = default, sum03 = default;
        Vector<float> sum10 = default, sum11 = default, sum12 = default, sum13 = default;
        int vectorized = dimension - (dimension % Vector<float>.Count);
        for (nuint i = 0; i < (nuint)vectorized; i += (nuint)Vector<float>.Count)
        {
            var a0 = Vector.LoadUnsafe(ref a, i);
            var a1 = Vector.LoadUnsafe(ref a, i + next);

            var b0 = Vector.LoadUnsafe(ref b, i);
            sum00 = Vector.FusedMultiplyAdd(a0, b0, sum00);
            sum10 = Vector.FusedMultiplyAdd(a1, b0, sum10);

            var b1 = Vector.LoadUnsafe(ref b, i + next);
            sum01 = Vector.FusedMultiplyAdd(a0, b1, sum01);
            sum11 = Vector.FusedMultiplyAdd(a1, b1, sum11);

            var b2 = Vector.LoadUnsafe(ref b, i + (2 * next));
            sum02 = Vector.FusedMultiplyAdd(a0, b2, sum02);
            sum12 = Vector.FusedMultiplyAdd(a1, b2, sum12);

            var b3 = Vector.LoadUnsafe(ref b, i + (3 * next));
            sum03 = Vector.FusedMultiplyAdd(a0, b3, sum03);
            sum13 = Vector.FusedMultiplyAdd(a1, b3, sum13);
        }

        Range row0 = vectorized..dimension;
        Range row1 = (dimension + vectorized)..(2 * dimension);
        Range row2 = ((2 * dimension) + vectorized)..(3 * dimension);
        Range row3 = ((3 * dimension) + vectorized)..(4 * dimension);
        output[0] = Finish(sum00, left[row0], right[row0]);
        output[1] = Finish(sum01, left[row0], right[row1]);
        output[2] = Finish(sum02, left[row0], right[row2]);
        output[3] = Finish(sum03, left[row0], right[row3]);
        output[stride] = Finish(sum10, left[row1], right[row0]);
        output[stride + 1] = Finish(sum11, left[row1], right[row1]);
        output[stride + 2] = Finish(sum12, left[row1], right[row2]);
        output[stride + 3] = Finish(sum13, left[row1], right[row3]);
    }

    private static float Finish(Vector<float> lanes, ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        float sum = Vector.Sum(lanes);
        for (int i = 0; i < left.Length; i++)
        {
            sum = MathF.FusedMultiplyAdd(left[i], right[i], sum);
        }

        return sum;
    }
}
