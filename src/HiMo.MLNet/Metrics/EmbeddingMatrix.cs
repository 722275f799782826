using System.Numerics.Tensors;

namespace HiMo.MLNet.Metrics;

/// <summary>Embeddings of one kind, row-major: <c>values</c> is [<see cref="Count"/>, <see cref="Dimension"/>] and is owned by the
/// matrix.</summary>
internal sealed class EmbeddingMatrix
{
    private readonly float[] _values;

    /// <exception cref="ArgumentException">The length is no multiple of the dimension, or a row holds NaN or an infinity.</exception>
    public EmbeddingMatrix(float[] values, int dimension)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        if (values.Length % dimension != 0)
        {
            throw new ArgumentException($"Expected whole rows of {dimension} values, found {values.Length} values.", nameof(values));
        }

        _values = values;
        Dimension = dimension;
        for (int row = 0; row < Count; row++)
        {
            ReadOnlySpan<float> embedding = Row(row);
            // The largest magnitude of a row is NaN if any value is.
            if (!float.IsFinite(TensorPrimitives.MaxMagnitude(embedding)))
            {
                int column = 0;
                while (float.IsFinite(embedding[column]))
                {
                    column++;
                }

                throw new ArgumentException($"Embedding row {row}: expected finite numbers, found {embedding[column]} in column {column}.",
                    nameof(values));
            }
        }
    }

    public int Dimension { get; }

    public int Count => _values.Length / Dimension;

    /// <summary>True once <see cref="Normalize"/> has run: inner products of rows are cosines.</summary>
    public bool IsNormalized { get; private set; }

    public ReadOnlySpan<float> Row(int index) => Rows(index, 1);

    /// <summary>Consecutive rows as one span.</summary>
    public ReadOnlySpan<float> Rows(int first, int count) => _values.AsSpan(checked(first * Dimension), count * Dimension);

    /// <summary>Scales every row, in place, to length 1. A row of zeros has no direction and stays zero: it ties with everything.</summary>
    public EmbeddingMatrix Normalize()
    {
        for (int row = 0; row < Count && !IsNormalized; row++)
        {
            NormalizeRow(_values.AsSpan(row * Dimension, Dimension));
        }

        IsNormalized = true;
        return this;
    }

    /// <exception cref="ArgumentException">The matrix was not normalised, so its inner products would not be cosines.</exception>
    public void ThrowIfNotNormalized(string parameterName)
    {
        if (!IsNormalized)
        {
            throw new ArgumentException("Expected normalised embeddings: call Normalize first.", parameterName);
        }
    }

    private static void NormalizeRow(Span<float> row)
    {
        float norm = TensorPrimitives.Norm<float>(row);
        if (!float.IsNormal(norm * norm))
        {
            float largest = MathF.Abs(TensorPrimitives.MaxMagnitude<float>(row));
            if (largest == 0)
            {
                return;
            }

            // The square leaves the range of a float. Dividing twice keeps clear of 1 / largest, which can be infinite.
            TensorPrimitives.Divide(row, largest, row);
            norm = TensorPrimitives.Norm<float>(row);
        }

        TensorPrimitives.Divide(row, norm, row);
    }
}
