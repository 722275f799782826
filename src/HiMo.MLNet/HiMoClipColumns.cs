namespace HiMo.MLNet;

/// <summary>The columns that a transformer reads and adds.</summary>
internal sealed record HiMoClipColumns(string Image, string Text, string ImageEmbedding, string TextEmbedding, string PredictedLabel, string Score);
