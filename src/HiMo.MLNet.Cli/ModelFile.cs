using System.CommandLine;
using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Cli;

/// <summary>A model out of a file: a CLIP checkpoint, or an ML.NET model zip.</summary>
internal sealed class ModelFile : IDisposable
{
    public const string Help = "A CLIP checkpoint (PyTorch, TorchScript, .safetensors, a folder of shards) or an ML.NET model (.zip).";

    public static Option<string> Option { get; } = new("--model", "-m") { Description = Help, HelpName = "FILE", Required = true };

    private ModelFile(MLContext mlContext, HiMoClipTransformer transformer)
    {
        MLContext = mlContext;
        Transformer = transformer;
    }

    public MLContext MLContext { get; }

    public HiMoClipTransformer Transformer { get; }

    /// <exception cref="CheckpointFormatException">The file holds no CLIP model.</exception>
    /// <exception cref="InvalidDataException">ML.NET cannot load it; the message names it.</exception>
    /// <exception cref="InvalidOperationException">A GPU is asked for and there is none to compute on.</exception>
    public static ModelFile Open(string path, bool gpu)
    {
        MLContext mlContext = Context.Create(gpu);
        return new(mlContext, HiMoClipCheckpoint.Inspect(path).Format == HiMoClipCheckpoint.ModelZip
            ? Load(mlContext, path).HiMoClipTransformers()[0]
            : mlContext.Transforms.HiMoClip(path).Fit(mlContext.Data.LoadFromEnumerable(Array.Empty<Row>())));
    }

    private static ITransformer Load(MLContext mlContext, string path)
    {
        try
        {
            return mlContext.Model.Load(path, out _);
        }
        catch (Exception e)
        {
            while (e is TargetInvocationException && e.InnerException is { } inner)
            {
                e = inner;
            }

            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Adds the columns of a model to rows of paths, or of texts; rows are read as they are needed.</summary>
    private IDataView Transform(HiMoClipTransformer transformer, string column, IEnumerable<string> values)
    {
        var definition = SchemaDefinition.Create(typeof(Row));
        definition[nameof(Row.ImagePath)].ColumnName = column;
        return transformer.Transform(MLContext.Data.LoadFromEnumerable(values.Select(value => new Row { ImagePath = value }), definition));
    }

    /// <summary>A column that a transformer adds to pictures, one picture after the other.</summary>
    /// <exception cref="ImageReadException">A picture cannot be read.</exception>
    public IEnumerable<float[]> ScoreImages(HiMoClipTransformer transformer, string column, IEnumerable<string> paths) =>
        Transform(transformer, ImageColumn(transformer), paths).GetColumn<float[]>(column);

    public static string ImageColumn(HiMoClipTransformer model) =>
        model.ImageColumnName ?? throw new InvalidOperationException("The model reads no pictures: it was saved without an image column.");

    /// <summary>The normalised embeddings of pictures, one after the other.</summary>
    /// <exception cref="ImageReadException">A picture cannot be read.</exception>
    public IEnumerable<float[]> EmbedImages(IEnumerable<string> paths) => ScoreImages(Transformer, Transformer.ImageEmbeddingColumnName, paths);

    /// <summary>The normalised embeddings of texts, one after the other.</summary>
    public IEnumerable<float[]> EmbedTexts(IEnumerable<string> texts) =>
        Transform(Transformer, TextColumn, texts).GetColumn<float[]>(Transformer.TextEmbeddingColumnName);

    public string TextColumn =>
        Transformer.CaptionColumnName ?? throw new InvalidOperationException("The model reads no texts: it was saved without a caption column.");

    public void Dispose() => Transformer.Dispose();

    private sealed class Row
    {
        public string ImagePath { get; set; } = "";
    }
}
