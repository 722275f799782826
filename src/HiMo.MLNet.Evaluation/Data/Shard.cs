namespace HiMo.MLNet.Data;

/// <summary>One file of a data set of several.</summary>
/// <param name="Number">Its place among all files of the set, from 0, whichever of them are read.</param>
/// <param name="Read">Begins reading it.</param>
internal sealed record Shard(int Number, Func<IEnumerable<CaptionedImage>> Read);
