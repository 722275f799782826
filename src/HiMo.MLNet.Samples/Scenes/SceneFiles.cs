using System.Text.Encodings.Web;
using System.Text.Json;

namespace HiMo.MLNet.Samples.Scenes;

/// <summary>Scenes as files, for the command line and for other programs.</summary>
internal static class SceneFiles
{
    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Writes <c>images/NNNNNN.png</c>; <c>scenes.tsv</c> with ImagePath, Caption, ShortCaption and Negative; <c>growing.jsonl</c>, the
    /// captions sentence by sentence in the form of HiMo-Docci; and <c>facts.jsonl</c>, what every sentence says.
    /// </summary>
    /// <param name="folder">Made if need be.</param>
    /// <param name="scenes">What to write.</param>
    /// <param name="renderer">Draws them.</param>
    /// <param name="size">The side of the images, in pixels.</param>
    /// <param name="cancellation">Looked at before every scene.</param>
    public static void Write(
        string folder, IEnumerable<Scene> scenes, SceneRenderer renderer, int size, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.Combine(folder, "images"));
        using StreamWriter table = Text(folder, "scenes.tsv"), growing = Text(folder, "growing.jsonl"), facts = Text(folder, "facts.jsonl");
        table.WriteLine("ImagePath\tCaption\tShortCaption\tNegative");
        foreach ((int number, Scene scene) in scenes.Index())
        {
            cancellation.ThrowIfCancellationRequested();
            string file = $"{number:d6}.png", image = $"images/{file}";
            var caption = SceneCaption.Of(scene);
            File.WriteAllBytes(Path.Combine(folder, image), renderer.Png(scene, size));
            table.WriteLine($"{image}\t{caption.Text}\t{caption.Short}\t{caption.Falsified(scene).Text}");
            growing.WriteLine(JsonSerializer.Serialize(new { img_path = file, caption = caption.Growing }, s_json));
            facts.WriteLine(JsonSerializer.Serialize(new
            {
                image,
                background = scene.Background.Phrase,
                frame = scene.Frame.Name,
                objects = scene.Objects.Select(o => new
                {
                    name = o.Noun.Name,
                    kind = o.Noun.Kind,
                    colour = o.Colour.Name,
                    count = o.Count,
                    size = o.Count > 1 ? null : o.Large ? "large" : "small",
                    place = SceneVocabulary.Name(o.Place),
                }),
                sentences = caption.Sentences.Select(s => new { text = s.Text, says = s.Fact.GetType().Name }),
            }, s_json));
        }
    }

    // Lines end alike on every system: the same seed gives the same bytes.
    private static StreamWriter Text(string folder, string name) => new(Path.Combine(folder, name)) { NewLine = "\n" };
}
