using HiMo.MLNet.Samples.Scenes;

namespace HiMo.MLNet.Samples.Reproduction;

/// <summary>
/// The metrics of the papers, scene by scene, which confidence intervals need: the means are what the library's own metrics say of
/// the same embeddings.
/// </summary>
internal static class SceneMeasures
{
    /// <summary>Measures a model.</summary>
    /// <param name="model">What embeds.</param>
    /// <param name="scenes">Scenes to search among each other.</param>
    /// <param name="renderer">Draws them.</param>
    /// <param name="size">The side of the images, in pixels.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>For each measure a number for each scene: in %, but HiMo@K from −1 to 1.</returns>
    public static Dictionary<string, double[]> Of(
        ClipEmbedder model, IReadOnlyList<Scene> scenes, SceneRenderer renderer, int size, CancellationToken cancellation)
    {
        SceneCaption[] captions = [.. scenes.Select(SceneCaption.Of)];
        float[][] images = Images(model, scenes, renderer, size, cancellation);
        // The gist is the first of the growing texts, the whole caption the last.
        float[][] flat = model.EmbedTexts(captions.SelectMany(c => c.Growing), cancellation);
        float[][][] growing = new float[captions.Length][][];
        for (int i = 0, start = 0; i < captions.Length; start += captions[i].Sentences.Count, i++)
        {
            growing[i] = flat[start..(start + captions[i].Sentences.Count)];
        }

        float[][] whole = [.. growing.Select(texts => texts[^1])], gists = [.. growing.Select(texts => texts[0])];
        float[][] false_ = model.EmbedTexts(captions.Select((c, i) => c.Falsified(scenes[i]).Text), cancellation);
        double[][] similarities = [.. growing.Select((texts, i) => texts.Select(t => Cosine(images[i], t)).ToArray())];
        return new()
        {
            ["long, image to text"] = FoundFirst(images, whole),
            ["long, text to image"] = FoundFirst(whole, images),
            ["short, image to text"] = FoundFirst(images, gists),
            ["short, text to image"] = FoundFirst(gists, images),
            ["HiMo@2"] = [.. similarities.Select(s => Grows(s, 2))],
            ["HiMo@3"] = [.. similarities.Select(s => Grows(s, 3))],
            ["HiMo@K"] = [.. similarities.Select(Correlation)],
            ["true detail"] = [.. images.Select((v, i) => Better(Cosine(v, whole[i]), Cosine(v, false_[i])))],
            ["zero-shot"] = ZeroShot(model, renderer, size, cancellation),
        };
    }

    /// <summary>100 for each query whose own candidate is the nearest of all; of those level with it each has the same chance.</summary>
    internal static double[] FoundFirst(float[][] queries, float[][] candidates) => [.. queries.Select((query, own) =>
    {
        double right = Cosine(query, candidates[own]);
        double[] all = [.. candidates.Select(c => Cosine(query, c))];
        return all.Any(s => s > right) ? 0 : 100.0 / all.Count(s => s == right);
    })];

    /// <summary>HiMo@2 and HiMo@3: 100 where each of k groups of sentences, the last ones larger by one, adds to the similarity.</summary>
    /// <param name="similarities">Those of the first sentence, the first two and so on.</param>
    /// <param name="k">How many groups.</param>
    internal static double Grows(double[] similarities, int k)
    {
        (int size, int more) = Math.DivRem(similarities.Length, k);
        int end = 0;
        double last = double.NegativeInfinity;
        for (int group = 0; group < k; group++)
        {
            end += group < k - more ? size : size + 1;
            if (similarities[end - 1] <= last)
            {
                return 0;
            }

            last = similarities[end - 1];
        }

        return 100;
    }

    /// <summary>HiMo@K: Pearson's correlation of the number of sentences with the similarity.</summary>
    internal static double Correlation(double[] similarities)
    {
        double middle = (similarities.Length - 1) / 2.0, mean = similarities.Average();
        double together = similarities.Select((s, i) => (i - middle) * (s - mean)).Sum();
        double own = similarities.Sum(s => (s - mean) * (s - mean));
        double index = similarities.Select((_, i) => (i - middle) * (i - middle)).Sum();
        return own == 0 ? 0 : together / Math.Sqrt(own * index);
    }

    // Which of all nouns a scene of one object shows: drawings that were held out, on every background.
    private static double[] ZeroShot(ClipEmbedder model, SceneRenderer renderer, int size, CancellationToken cancellation)
    {
        // As gists say it, anywhere.
        ClipClassifier classifier = model.CreateClassifier(
            SceneVocabulary.Nouns.Select(n => n.WithArticle), SceneVocabulary.Backgrounds.Select(b => $"{{0}} {b.Phrase}."));
        Scene[] lone = [.. SceneVocabulary.Nouns.SelectMany(noun => SceneVocabulary.Backgrounds
            .Select(background => Scene.Lone(1, SceneSplit.Test, noun, background)))];
        return [.. Images(model, lone, renderer, size, cancellation)
            .Select((image, i) => classifier.Classify(image).Label == lone[i].Objects[0].Noun.WithArticle ? 100.0 : 0)];
    }

    private static float[][] Images(
        ClipEmbedder model, IEnumerable<Scene> scenes, SceneRenderer renderer, int size, CancellationToken cancellation) =>
        model.EmbedImages(scenes.Select((scene, i) => ClipImage.FromBytes(renderer.Png(scene, size), $"scene {i}")), cancellation);

    private static double Better(double right, double wrong) => right > wrong ? 100 : right == wrong ? 50 : 0;

    private static double Cosine(float[] a, float[] b) => ClipEmbedder.Similarity(a, b);
}
