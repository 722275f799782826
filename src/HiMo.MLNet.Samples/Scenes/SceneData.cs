using Microsoft.ML;

namespace HiMo.MLNet.Samples.Scenes;

/// <summary>A scene as a row of data. The image is drawn when it is read.</summary>
internal sealed class SceneRow(Scene scene, SceneRenderer renderer, int size)
{
    private readonly SceneCaption _caption = SceneCaption.Of(scene);

    /// <summary>A PNG file.</summary>
    public byte[] Image => renderer.Png(scene, size);

    public string Caption => _caption.Text;

    /// <summary>The gist, the first sentence of the caption.</summary>
    public string ShortCaption => _caption.Short;

    public string[] Sentences => [.. _caption.Sentences.Select(s => s.Text)];

    /// <summary>The caption with one detail false.</summary>
    public string Negative => _caption.Falsified(scene).Text;
}

/// <summary>Scenes as data views.</summary>
internal static class SceneData
{
    /// <summary>The archive of the sample drawings, beside the program.</summary>
    public static string Drawings { get; } = Path.Combine(AppContext.BaseDirectory, "Data", "emoji.zip");

    /// <summary>Streams scenes: none is held, and every pass makes them again.</summary>
    public static IDataView Load(MLContext mlContext, IEnumerable<Scene> scenes, SceneRenderer renderer, int size) =>
        mlContext.Data.LoadFromEnumerable(scenes.Select(scene => new SceneRow(scene, renderer, size)));
}
