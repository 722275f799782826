namespace HiMo.MLNet.Training;

/// <summary>What the ranks tell each other of a batch that they share: all but the pixels and the tokens.</summary>
/// <param name="Pairs">N with those that cannot be read.</param>
/// <param name="Captions">A digest of the batch's captions, which every rank reads: theirs must be the same.</param>
/// <param name="Places">The places of this rank's readable pairs in the batch.</param>
/// <param name="Images">Equal texts for equal images.</param>
/// <param name="Tokens">For each caption that the objective reads of a pair, equal texts for equal captions.</param>
/// <param name="Unreadable">What this rank could not read.</param>
internal sealed record SharedRows(
    int Pairs, string Captions, int[] Places, string[] Images, string[][] Tokens, UnreadableImage[] Unreadable);

/// <summary>An image that could not be read.</summary>
/// <param name="Place">Its place in the batch.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Reason">Why.</param>
internal sealed record UnreadableImage(int Place, string Path, string Reason);
