using System.Text.Json.Serialization;

namespace HiMo.MLNet;

/// <summary>The columns that a transformer reads (null: that side is not used) and adds (null: not added).</summary>
internal sealed record HiMoClipColumns(
    string? Image, string? Text, string ImageEmbedding, string TextEmbedding, string PredictedLabel, string Score,
    string? Similarity = null, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ImageError = null)
{
    /// <summary>The sides that data has; where it has neither, one that it should have.</summary>
    public (bool Image, bool Text) Sides(Func<string, bool> has)
    {
        bool text = Text is not null && has(Text), image = Image is not null && has(Image);
        return image || text ? (image, text) : (Image is not null, Image is null);
    }

    /// <exception cref="ArgumentException">Two added columns have the same name.</exception>
    public HiMoClipColumns Checked()
    {
        string[] added = [.. new[] { ImageEmbedding, TextEmbedding, Similarity, PredictedLabel, Score, ImageError }.OfType<string>()];
        return added.CountBy(name => name).FirstOrDefault(n => n.Value > 1).Key is not { } repeated
            ? this
            : throw new ArgumentException(
                $"The added columns must have different names; '{repeated}' is the name of "
                + $"two: {string.Join(", ", added.Select(n => $"'{n}'"))}.");
    }
}
