using System.Runtime.CompilerServices;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>The values of an input column for the rows of a batch, passed on to the reader while the input is rows ahead.</summary>
internal abstract class PassedColumn
{
    /// <param name="input">The input.</param>
    /// <param name="column">Its column.</param>
    /// <param name="size">The rows of a batch at most.</param>
    public static PassedColumn Create(DataViewRow input, DataViewSchema.Column column, int size)
    {
        Type type = column.Type.RawType;
        return type == typeof(MLImage)
            ? new PassedImages(input, column, size)
            : (PassedColumn)Activator.CreateInstance(typeof(PassedValues<>).MakeGenericType(type), input, column, size)!;
    }

    /// <summary>Takes over the value of the input's current row.</summary>
    /// <param name="slot">The row in the batch.</param>
    /// <returns>The bytes it takes, where they may be many.</returns>
    public abstract long Read(int slot);

    /// <param name="column">The column, for errors.</param>
    /// <param name="current">The reader's row in the batch.</param>
    public abstract ValueGetter<TValue> Getter<TValue>(DataViewSchema.Column column, Func<int> current);
}

/// <summary>Numbers, texts and vectors of them.</summary>
internal sealed class PassedValues<T>(DataViewRow input, DataViewSchema.Column column, int size) : PassedColumn
{
    private delegate void Copier(ref T from, ref T to);

    // The reader may write into a vector that it was given, so a vector is copied into the reader's own.
    private static readonly Copier s_copy = typeof(T).IsGenericType && typeof(T).GetGenericTypeDefinition() == typeof(VBuffer<>)
        ? typeof(PassedVector).GetMethod(nameof(PassedVector.Copy))!
            .MakeGenericMethod(typeof(T).GetGenericArguments()).CreateDelegate<Copier>()
        : (ref T from, ref T to) => to = from;

    private readonly ValueGetter<T> _get = input.GetGetter<T>(column);
    private readonly T[] _values = new T[size];

    public override long Read(int slot)
    {
        if (typeof(T) == typeof(VBuffer<byte>))
        {
            // An image file, as a rule: a buffer that is used again would keep the size of the largest.
            _values[slot] = default!;
        }

        _get(ref _values[slot]);
        return _values[slot] is VBuffer<byte> bytes ? bytes.Length : 0;
    }

    public override ValueGetter<TValue> Getter<TValue>(DataViewSchema.Column column, Func<int> current)
    {
        ValueGetter<T> getter = (ref T value) => s_copy(ref _values[current()], ref value);
        return BatchScorer.Typed<TValue>(getter, column);
    }
}

internal static class PassedVector
{
    public static void Copy<TItem>(ref VBuffer<TItem> from, ref VBuffer<TItem> to) => from.CopyTo(ref to);
}

/// <summary>
/// Images. What the input lends is the input's, or its user's: ML.NET's loader frees an image when it comes to the next one,
/// an image in memory is never ours to free. So the pixels are kept, and every reader gets an image of its own.
/// </summary>
internal sealed class PassedImages(DataViewRow input, DataViewSchema.Column column, int size) : PassedColumn
{
    // A reader who does not dispose of an image leaves it to the collector, which should know what it weighs.
    private static readonly ConditionalWeakTable<MLImage, NativeMemory> s_given = [];

    private readonly ValueGetter<MLImage> _get = input.GetGetter<MLImage>(column);
    private readonly Pixels?[] _images = new Pixels?[size];
    private MLImage? _lent;                                                   // given back to the getter, which frees it if it is its own

    public override long Read(int slot)
    {
        _get(ref _lent!);
        _images[slot] = _lent is null ? null : new(_lent.Width, _lent.Height, _lent.PixelFormat, _lent.Tag, [.. _lent.Pixels]);
        return _images[slot]?.Bytes.Length ?? 0;
    }

    public override ValueGetter<TValue> Getter<TValue>(DataViewSchema.Column column, Func<int> current)
    {
        ValueGetter<MLImage> getter = (ref MLImage value) => value = Give(_images[current()])!;
        return BatchScorer.Typed<TValue>(getter, column);
    }

    private static MLImage? Give(Pixels? pixels)
    {
        if (pixels is null)
        {
            return null;
        }

        var image = MLImage.CreateFromPixels(pixels.Width, pixels.Height, pixels.Format, pixels.Bytes);
        image.Tag = pixels.Tag;
        s_given.Add(image, new(pixels.Bytes.Length));
        return image;
    }

    private sealed record Pixels(int Width, int Height, MLPixelFormat Format, string? Tag, byte[] Bytes);
}
