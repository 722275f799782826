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
    private const int TileRows = 4;
    private const int TileColumns = 3;

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
        for (int row = 0; row < rowCount; row += row < tiledRows ? TileRows : 1)
        {
            int count = row < tiledRows ? TileRows : 1;
            ReadOnlySpan<float> tile = left.Slice(row * dimension, count * dimension);
            Span<float> output = block[(row * columnCount)..];
            for (int column = 0; column < tiledColumns; column += TileColumns)
            {
                ReadOnlySpan<float> three = right.Slice(column * dimension, TileColumns * dimension);
                if (count == TileRows)
                {
                    Tile(tile, three, dimension, output[column..], columnCount);
                }
                else
                {
                    TileOfOneRow(tile, three, output[column..]);
                }
            }
        }

        for (int row = 0; row < rowCount; row++)
        {
            for (int column = tiledColumns; column < columnCount; column++)
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

    /// <summary>
    /// 4 × 3 inner products at once: each value loaded is used in several products while it is in a register. Twelve sums, three
    /// columns and a row are what sixteen registers hold.
    /// </summary>
    private static void Tile(ReadOnlySpan<float> left, ReadOnlySpan<float> right, int dimension, Span<float> output, int stride)
    {
        ref float a = ref MemoryMarshal.GetReference(left);
        ref float b = ref MemoryMarshal.GetReference(right);
        nuint next = (nuint)dimension;
        Vector<float> sum00 = default, sum01 = default, sum02 = default, sum10 = default, sum11 = default, sum12 = default;
        Vector<float> sum20 = default, sum21 = default, sum22 = default, sum30 = default, sum31 = default, sum32 = default;
        int vectorized = dimension - (dimension % Vector<float>.Count);
        for (nuint i = 0; i < (nuint)vectorized; i += (nuint)Vector<float>.Count)
        {
            var b0 = Vector.LoadUnsafe(ref b, i);
            var b1 = Vector.LoadUnsafe(ref b, i + next);
            var b2 = Vector.LoadUnsafe(ref b, i + (2 * next));

            var row = Vector.LoadUnsafe(ref a, i);
            sum00 = Vector.FusedMultiplyAdd(row, b0, sum00);
            sum01 = Vector.FusedMultiplyAdd(row, b1, sum01);
            sum02 = Vector.FusedMultiplyAdd(row, b2, sum02);

            row = Vector.LoadUnsafe(ref a, i + next);
            sum10 = Vector.FusedMultiplyAdd(row, b0, sum10);
            sum11 = Vector.FusedMultiplyAdd(row, b1, sum11);
            sum12 = Vector.FusedMultiplyAdd(row, b2, sum12);

            row = Vector.LoadUnsafe(ref a, i + (2 * next));
            sum20 = Vector.FusedMultiplyAdd(row, b0, sum20);
            sum21 = Vector.FusedMultiplyAdd(row, b1, sum21);
            sum22 = Vector.FusedMultiplyAdd(row, b2, sum22);

            row = Vector.LoadUnsafe(ref a, i + (3 * next));
            sum30 = Vector.FusedMultiplyAdd(row, b0, sum30);
            sum31 = Vector.FusedMultiplyAdd(row, b1, sum31);
            sum32 = Vector.FusedMultiplyAdd(row, b2, sum32);
        }

        FinishRow(output, sum00, sum01, sum02, left[vectorized..dimension], right, dimension);
        FinishRow(output[stride..], sum10, sum11, sum12, left[(dimension + vectorized)..(2 * dimension)], right, dimension);
        FinishRow(output[(2 * stride)..], sum20, sum21, sum22, left[((2 * dimension) + vectorized)..(3 * dimension)], right, dimension);
        FinishRow(output[(3 * stride)..], sum30, sum31, sum32, left[((3 * dimension) + vectorized)..], right, dimension);
    }

    private static void TileOfOneRow(ReadOnlySpan<float> left, ReadOnlySpan<float> right, Span<float> output)
    {
        ref float a = ref MemoryMarshal.GetReference(left);
        ref float b = ref MemoryMarshal.GetReference(right);
        nuint next = (nuint)left.Length;
        Vector<float> sum0 = default, sum1 = default, sum2 = default;
        int vectorized = left.Length - (left.Length % Vector<float>.Count);
        for (nuint i = 0; i < (nuint)vectorized; i += (nuint)Vector<float>.Count)
        {
            var row = Vector.LoadUnsafe(ref a, i);
            sum0 = Vector.FusedMultiplyAdd(row, Vector.LoadUnsafe(ref b, i), sum0);
            sum1 = Vector.FusedMultiplyAdd(row, Vector.LoadUnsafe(ref b, i + next), sum1);
            sum2 = Vector.FusedMultiplyAdd(row, Vector.LoadUnsafe(ref b, i + (2 * next)), sum2);
        }

        FinishRow(output, sum0, sum1, sum2, left[vectorized..], right, left.Length);
    }

    /// <param name="output">Receives the products with three columns.</param>
    /// <param name="sum0">The lanes of the first.</param>
    /// <param name="sum1">Of the second.</param>
    /// <param name="sum2">Of the third.</param>
    /// <param name="rest">The end of the row, which fills no vector.</param>
    /// <param name="right">The three columns.</param>
    /// <param name="dimension">d</param>
    private static void FinishRow(
        Span<float> output, Vector<float> sum0, Vector<float> sum1, Vector<float> sum2, ReadOnlySpan<float> rest, ReadOnlySpan<float> right,
        int dimension)
    {
        output[0] = Finish(sum0, rest, right[(dimension - rest.Length)..dimension]);
        output[1] = Finish(sum1, rest, right[((2 * dimension) - rest.Length)..(2 * dimension)]);
        output[2] = Finish(sum2, rest, right[((3 * dimension) - rest.Length)..]);
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
