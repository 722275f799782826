using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Embedding;

namespace HiMo.MLNet.Scoring;

/// <summary>What a model zip says about a transformer beside its weights.</summary>
internal sealed record ModelSettings(
    ClipArchitecture Architecture, HiMoClipColumns Columns, IReadOnlyList<string>? Labels, IReadOnlyList<string>? Templates,
    float? Threshold = null, string? ImageFolder = null)
{
    /// <exception cref="CheckpointFormatException">The settings are not those of a transformer; the message names what is
    /// wrong.</exception>
    public static ModelSettings Read(ModelEntries entries)
    {
        ModelSettings settings = entries.ReadSettings<ModelSettings>();
        try
        {
            settings.Validate();
            return settings;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            throw CheckpointFormatException.At(entries.Source, ModelArchive.SettingsEntry, e.Message, e);
        }
    }

    private void Validate()
    {
        Architecture.Validate();
        string?[] outputs = [Columns.ImageEmbedding, Columns.TextEmbedding, Columns.PredictedLabel, Columns.Score];
        if (outputs.Any(string.IsNullOrWhiteSpace) || (Columns.Image is null && Columns.Text is null))
        {
            throw new ArgumentException($"{nameof(Columns)}: expected names of columns, found {Columns}");
        }

        Columns.Checked();
        if (Labels is not null)
        {
            ZeroShotHead.Check(Labels, Templates ?? [], Threshold);
        }

        if (Labels is null ? Threshold is not null : Columns.Image is null)
        {
            throw new ArgumentException(
                $"{nameof(Labels)}: expected labels where there is a threshold and an image column where there are labels, found {this}");
        }
    }
}
