using HiMo.MLNet.Samples.Scenes;
using HiMo.MLNet.Tests.Samples;
using HiMo.MLNet.Text;
using Microsoft.ML;
using SkiaSharp;

namespace HiMo.MLNet.Tests.Scenes;

/// <summary>What docs/scenes.md promises of the scenes.</summary>
public sealed class SceneTests
{
    private static readonly SceneRenderer s_renderer =
        SceneRenderer.Load(Path.Combine(BuiltProgram.Root, "src", "HiMo.MLNet.Samples", "Data", "emoji.zip"));

    private static Scene[] Scenes(SceneSplit split, int count = 300, int seed = 1) =>
        [.. Scene.Sequence(seed, split, distinct: split != SceneSplit.Train).Take(count)];

    public static TheoryData<string> Splits => [.. Enum.GetNames<SceneSplit>()];

    private static Scene[] Scenes(string split, int count = 300) => Scenes(Enum.Parse<SceneSplit>(split), count);

    [Theory]
    [MemberData(nameof(Splits))]
    public void Every_sentence_is_true_of_its_scene(string split)
    {
        foreach (Scene scene in Scenes(split))
        {
            Assert.All(SceneCaption.Of(scene).Sentences, sentence =>
            {
                Assert.True(SceneReader.IsTrue(sentence.Text, scene), sentence.Text);
                Assert.True(sentence.Fact.IsTrueOf(scene), sentence.Text);
            });
        }
    }

    [Theory]
    [MemberData(nameof(Splits))]
    public void A_negative_differs_in_one_sentence_which_is_false(string split)
    {
        foreach (Scene scene in Scenes(split))
        {
            var caption = SceneCaption.Of(scene);
            (SceneSentence False, SceneSentence True) = Assert.Single(caption.Falsified(scene).Sentences.Zip(caption.Sentences),
                pair => pair.First.Text != pair.Second.Text);
            Assert.False(False.Fact.IsTrueOf(scene));
            Assert.Equal(True.Wording, False.Wording);
        }
    }

    [Fact]
    public void A_reader_finds_the_false_sentence()
    {
        Assert.All(Scenes(SceneSplit.Test), scene =>
            Assert.Single(SceneCaption.Of(scene).Falsified(scene).Sentences, s => !SceneReader.IsTrue(s.Text, scene)));
    }

    [Theory]
    [MemberData(nameof(Splits))]
    public void Captions_have_8_to_15_sentences_and_60_to_180_tokens(string split)
    {
        foreach (SceneCaption caption in Scenes(split).Select(SceneCaption.Of))
        {
            string[] sentences = Sentences.Split(caption.Text);
            Assert.Equal(caption.Sentences.Select(s => s.Text), sentences);
            Assert.InRange(sentences.Length, 8, 15);
            Assert.InRange(ClipTokenizer.Default.Encode(caption.Text, new long[248]), 60, 180);
            Assert.Equal(sentences[0], caption.Short);
            Assert.Equal(sentences.Length, caption.Growing.Count());
            Assert.Equal(caption.Text, caption.Growing.Last());
        }
    }

    [Fact]
    public void Splits_share_no_composition_and_test_scenes_no_drawing_with_the_others()
    {
        Scene[] test = Scenes(SceneSplit.Test);
        HashSet<string> trained = [.. Scenes(SceneSplit.Train, 3000).Select(s => s.Composition)];
        HashSet<string> validated = [.. Scenes(SceneSplit.Validation).Select(s => s.Composition)];
        Assert.DoesNotContain(test, scene => trained.Contains(scene.Composition) || validated.Contains(scene.Composition));
        Assert.DoesNotContain(validated, trained.Contains);
        Assert.Equal(test.Length, test.Select(s => s.Composition).Distinct().Count());

        Assert.All(test.Take(20), scene =>
            Assert.NotEqual(s_renderer.Png(scene, 64), s_renderer.Png(scene with { Split = SceneSplit.Train }, 64)));
        Scene scene = Scenes(SceneSplit.Validation, 1)[0];
        Assert.Equal(s_renderer.Png(scene, 64), s_renderer.Png(scene with { Split = SceneSplit.Train }, 64));
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes_and_another_one_others()
    {
        byte[][] Images(int seed) => [.. Scenes(SceneSplit.Train, 10, seed).Select(scene => s_renderer.Png(scene, 64))];
        string[] Captions(int seed) => [.. Scenes(SceneSplit.Train, 10, seed).Select(scene => SceneCaption.Of(scene).Text)];

        Assert.Equal(Images(1), Images(1));
        Assert.Equal(Captions(1), Captions(1));
        Assert.NotEqual(Images(1), Images(2));
        Assert.NotEqual(Captions(1), Captions(2));
    }

    [Fact]
    public void The_first_test_scene_is_told_the_same_on_every_system()
    {
        Assert.Equal(
            "A broom, ambulances and helicopters at sunset. The image shows a tool, a vehicle and a vehicle.",
            SceneCaption.Of(Scenes(SceneSplit.Test, 1)[0]).Growing.ElementAt(1));
    }

    [Theory]
    [MemberData(nameof(Splits))]
    public void Objects_are_drawn_in_their_place_and_colour(string split)
    {
        const int Size = 192;
        foreach (Scene scene in Scenes(split, 30))
        {
            using SKBitmap whole = s_renderer.Draw(scene, Size);
            SKColor[] pixels = whole.Pixels;
            foreach (SceneObject o in scene.Objects)
            {
                using SKBitmap without = s_renderer.Draw(scene with { Objects = [.. scene.Objects.Where(other => other != o)] }, Size);
                SKColor[] behind = without.Pixels;
                int[] changed = [.. Enumerable.Range(0, pixels.Length).Where(i => pixels[i] != behind[i])];
                Assert.True(changed.Length > 200, $"{o} changes {changed.Length} pixels.");
                Assert.DoesNotContain(changed, i => (i % Size < Size / 2) != o.IsLeft || (i / Size < Size / 2) != o.IsTop);
                // Of what is not its white rim, most is a shade of its colour.
                Colour seen = changed.Select(i => pixels[i]).Where(c => c is not { Red: > 200, Green: > 200, Blue: > 200 })
                    .CountBy(Nearest).MaxBy(count => count.Value).Key;
                Assert.True(seen == o.Colour, $"{scene.Composition}: {o} looks {seen.Name}.");
            }
        }
    }

    /// <summary>The colour of the vocabulary of which the pixel is a shade, by its direction from black; what is white in a drawing is
    /// brighter than the colour itself, so that its strongest channels are cut off.</summary>
    private static Colour Nearest(SKColor pixel) =>
        SceneVocabulary.Colours.MaxBy(colour => Math.Max(Alike(pixel, colour, 1), Alike(pixel, colour, 1.4)))!;

    private static double Alike(SKColor pixel, Colour colour, double bright)
    {
        double[] a = [pixel.Red, pixel.Green, pixel.Blue];
        double[] b = [.. new[] { colour.Value.Red, colour.Value.Green, colour.Value.Blue }.Select(channel => Math.Min(255, bright * channel))];
        return a.Zip(b, (x, y) => x * y).Sum() / ((Math.Sqrt(a.Sum(x => x * x)) * Math.Sqrt(b.Sum(x => x * x))) + 1e-9);
    }

    [Fact]
    public void Scenes_stream_as_a_data_view()
    {
        var mlContext = new MLContext(seed: 1);
        IDataView data = SceneData.Load(mlContext, Scenes(SceneSplit.Train, 3), s_renderer, 64);

        Row[] rows = [.. mlContext.Data.CreateEnumerable<Row>(data, reuseRowObject: false)];
        Assert.Equal(3, rows.Length);
        Assert.All(rows, row =>
        {
            using var image = SKBitmap.Decode(row.Image);
            Assert.Equal((64, 64), (image.Width, image.Height));
            Assert.Equal(row.Caption, string.Join(' ', row.Sentences));
            Assert.Equal(row.ShortCaption, row.Sentences[0]);
            Assert.NotEqual(row.Caption, row.Negative);
        });
    }

    private sealed class Row
    {
        public byte[] Image { get; set; } = [];
        public string Caption { get; set; } = "";
        public string ShortCaption { get; set; } = "";
        public string[] Sentences { get; set; } = [];
        public string Negative { get; set; } = "";
    }

    [Fact]
    public void Himo_scenes_writes_what_the_library_reads()
    {
        using var folder = new TemporaryFolder();
        ProgramResult result = SamplesProgram.Run(
            "scenes", "--output", folder.FullPath, "--count", "3", "--seed", "2", "--split", "Test", "--size", "48");

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Scene[] scenes = Scenes(SceneSplit.Test, 3, seed: 2);
        var mlContext = new MLContext();
        Texts[] growing = [.. mlContext.Data.CreateEnumerable<Texts>(
            mlContext.Data.LoadFromImageCaptions("himo-docci:" + Path.Combine(folder.FullPath, "growing.jsonl")), reuseRowObject: false)];
        Assert.Equal(scenes.SelectMany(s => SceneCaption.Of(s).Growing), growing.Select(g => g.Caption));
        Assert.Equal(scenes.Select(s => s_renderer.Png(s, 48)), growing.Select(g => g.ImagePath).Distinct().Select(File.ReadAllBytes));
        Assert.Equal(4, File.ReadLines(Path.Combine(folder.FullPath, "scenes.tsv")).Count());
    }

    private sealed class Texts
    {
        public string ImagePath { get; set; } = "";
        public string Caption { get; set; } = "";
    }
}
