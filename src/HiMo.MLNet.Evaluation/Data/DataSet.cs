using System.Collections;

namespace HiMo.MLNet.Data;

/// <summary>A data set in a known format. Each enumeration reads it again from its start, and only as far as it goes.</summary>
/// <param name="format">The format's name, as <see cref="DataSets.Open(string, string)"/> takes it.</param>
/// <param name="path">The folder, or the file in it that lists the images.</param>
/// <param name="read">Begins reading.</param>
/// <param name="notes">What is there but not read.</param>
internal sealed class DataSet(
    string format, string path, Func<IEnumerable<CaptionedImage>> read, Func<IEnumerable<string>> notes) : IEnumerable<CaptionedImage>
{
    public string Format { get; } = format;

    public string Path { get; } = path;

    /// <summary>Whether the images are bytes in the set's own files: <see cref="CaptionedImage.Encoded"/>.</summary>
    public bool HoldsImages { get; init; }

    /// <summary>The files of a set that has several, each to be read by itself; null for a set of one.</summary>
    public IReadOnlyList<Shard>? Shards { get; init; }

    /// <summary>What is there but not read, for users to know.</summary>
    public IEnumerable<string> Notes => notes();

    public IEnumerator<CaptionedImage> GetEnumerator() => read().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
