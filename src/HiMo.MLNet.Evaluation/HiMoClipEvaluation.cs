using HiMo.MLNet.Data;
using HiMo.MLNet.Embedding;
using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;
using HiMo.MLNet.Scoring;
using Microsoft.ML;
using Microsoft.ML.Transforms.Image;

namespace HiMo.MLNet;

/// <summary>The metrics of the papers, for a model and a data view or a data set with images and captions.</summary>
public static class HiMoClipEvaluation
{
    /// <summary>
    /// All metrics that suit a data set: recall both ways and HiMo@K for captions (HiMo-Docci: over its own growing texts), COLA-multi
    /// for COLA, zero-shot classification for class folders. When none of its images is there, its captions are still counted.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="dataSet">A folder or a file that lists images, after the name of its format and a colon if that is not to be
    /// told from what is there: <c>urban1k:data/Urban1k</c>. Formats: see <c>mlContext.Data.LoadFromImageCaptions</c>.</param>
    /// <param name="options">What to measure; null for the defaults.</param>
    /// <exception cref="ArgumentException">No such format, or an option out of range; or a folder is not among
    /// <see cref="HiMoClipEvaluationOptions.ClassNames"/>.</exception>
    /// <exception cref="FileNotFoundException">No such folder or file.</exception>
    /// <exception cref="InvalidDataException">The format is not found there; a row is not as it wants it; or images are missing or
    /// unreadable beyond <see cref="HiMoClipEvaluationOptions.MaxUnreadableShare"/>.</exception>
    /// <exception cref="ImageReadException">An image cannot be read.</exception>
    public static HiMoClipMetrics Evaluate(this HiMoClipTransformer model, string dataSet, HiMoClipEvaluationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using ClipEmbedder embedder = model.CreateEmbedder();
        return embedder.Evaluate(dataSet, options);
    }

    /// <inheritdoc cref="Evaluate(HiMoClipTransformer, string, HiMoClipEvaluationOptions?)"/>
    public static HiMoClipMetrics Evaluate(this ClipEmbedder model, string dataSet, HiMoClipEvaluationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new();
        DataSet data = DataSets.Open(dataSet);
        int count = 0, missing = 0;
        CaptionedImage? firstImage = null, firstMissing = null;
        foreach (CaptionedImage image in data)                                // once for what is there, once more to embed it
        {
            count++;
            firstImage ??= image;
            if (image.Encoded is null && !File.Exists(image.ImagePath))
            {
                missing++;
                firstMissing ??= image;
            }
        }

        if (firstImage is null)
        {
            throw new InvalidDataException($"'{data.Path}': expected images and captions in the format {data.Format}, found none.");
        }

        string name = options.DataName ?? dataSet;
        using var evaluator = new Evaluator(model, options);
        evaluator.Notes.AddRange(data.Notes);
        if (missing == count)
        {
            EvaluatedSet texts = Captions(data);
            texts = data.Format == "himo-docci" ? texts.AsGrowingTexts() : texts;
            evaluator.Notes.Add(
                $"None of the {count} images is there (the first was looked for at '{firstImage.ImagePath}'): only the captions are "
                + $"counted.");
            return Metrics(evaluator, name, data.Format, texts) with { ImageCount = 0 };
        }

        if (missing > options.MaxUnreadableShare * count)
        {
            throw new InvalidDataException(
                $"{missing} of {count} images are missing; the first is '{firstMissing!.ImagePath}', which {firstMissing.Source} names. "
                + $"{nameof(HiMoClipEvaluationOptions.MaxUnreadableShare)} allows {options.MaxUnreadableShare:p0}.");
        }

        IEnumerable<ImageWithCaptions> rows = data.Select(image => new ImageWithCaptions(Source(image), image.Captions));
        return Evaluate(evaluator, name, data.Format, rows, count);
    }

    private static ImageSource Source(CaptionedImage image)
    {
        try
        {
            return image.Encoded is { } encoded ? new(null, null, encoded(), image.ImagePath) : new(image.ImagePath);
        }
        catch (ImageReadException e)
        {
            return new(null) { Failure = e };
        }
    }

    /// <summary>The captions of a data set whose images are not there.</summary>
    private static EvaluatedSet Captions(DataSet data)
    {
        List<string?> images = [];
        List<string> captions = [];
        List<int> imageOfCaption = [];
        foreach (CaptionedImage image in data)
        {
            imageOfCaption.AddRange(Enumerable.Repeat(images.Count, image.Captions.Count));
            images.Add(image.ImagePath);
            captions.AddRange(image.Captions);
        }

        return new(images, captions, [.. imageOfCaption]);
    }

    /// <summary>Recall both ways and HiMo@K. Rows with the same image path, or the same bytes, are one image with several
    /// captions.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the model's image and caption columns.</param>
    /// <param name="options">What to measure; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; or an option is out of range.</exception>
    /// <exception cref="ImageReadException">An image cannot be read.</exception>
    public static HiMoClipMetrics Evaluate(this HiMoClipTransformer model, IDataView data, HiMoClipEvaluationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using ClipEmbedder embedder = model.CreateEmbedder();
        return Evaluate(embedder, Rows(model, data, model.Columns.Text), data, options ?? new());
    }

    /// <summary>Recall both ways and HiMo@K. Rows with the same image path, or the same bytes, are one image with several
    /// captions.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with images and captions.</param>
    /// <param name="imageColumnName">File paths (text), images (<c>MLImage</c>) or image files' bytes.</param>
    /// <param name="captionColumnName">Captions: text.</param>
    /// <param name="imageFolder">A folder that relative image paths start from; null for the working folder.</param>
    /// <param name="options">What to measure; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; or an option is out of range.</exception>
    /// <exception cref="ImageReadException">An image cannot be read.</exception>
    public static HiMoClipMetrics Evaluate(
        this ClipEmbedder model, IDataView data, string imageColumnName = "ImagePath", string captionColumnName = "Caption",
        string? imageFolder = null, HiMoClipEvaluationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        IEnumerable<ImageWithCaptions> rows = InputColumns.Pairs(data, imageColumnName, captionColumnName, imageFolder,
            model.Encoder.Planes);
        return Evaluate(model, rows, data, options ?? new());
    }

    private static HiMoClipMetrics Evaluate(
        ClipEmbedder model, IEnumerable<ImageWithCaptions> rows, IDataView data, HiMoClipEvaluationOptions options)
    {
        using var evaluator = new Evaluator(model, options);
        return Evaluate(evaluator, options.DataName ?? "data", null, rows, Count(data));
    }

    /// <summary>
    /// Recall of the right caption among all captions, for every image, and of the right image, for every caption.
    /// Rows with the same image path, or the same bytes, are one image with several captions.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the model's image and caption columns.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    /// <exception cref="ImageReadException">An image cannot be read.</exception>
    public static RetrievalMetrics EvaluateRetrieval(this HiMoClipTransformer model, IDataView data) =>
        Run(model, data, null, (evaluator, set, images) =>
            Retrieval.Evaluate(images, evaluator.EmbedTexts(set.Captions, "captions"), set.ImageOfCaption));

    /// <summary>
    /// HiMo@K, semantic monotonicity: whether the similarity of an image with the first 1, 2, … K parts of its caption
    /// grows. Captions of fewer than K sentences are counted apart.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the model's image and caption columns.</param>
    /// <param name="k">K, at least 2. For 2 and 3 the score is the share of captions that grow at every part, in %; above, the mean
    /// Pearson correlation of the part count with the similarity.</param>
    /// <exception cref="ArgumentOutOfRangeException">K is below 2; or a column is missing or of the wrong type.</exception>
    /// <exception cref="ImageReadException">An image cannot be read.</exception>
    public static MonotonicityMetrics EvaluateMonotonicity(this HiMoClipTransformer model, IDataView data, int k)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 2);
        return Run(model, data, null, (evaluator, set, images) => Evaluator.Score(evaluator.Grow(set, images, null, [k])[0]));
    }

    /// <summary>
    /// HiMo@K as published for HiMo-Docci: the captions of an image, in the order of their rows, are the texts that grow. Any number
    /// of them; the score is the mean Pearson correlation of (1, 2, …) with the similarities.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the model's caption column and, as text or bytes, its image column:
    /// <c>LoadFromImageCaptions("himo-docci:PATH")</c>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    /// <exception cref="ImageReadException">An image cannot be read.</exception>
    public static MonotonicityMetrics EvaluateMonotonicity(this HiMoClipTransformer model, IDataView data)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        if (InputColumns.Image(data.Schema, model.Columns.Image) is { Type: ImageDataViewType } column)
        {
            const string expected = "text or bytes (files tell which rows are of one image)";
            throw InputColumns.WrongType(column.Name, InputColumns.Kind.Image with { Expected = expected }, column.Type);
        }

        return Run(model, data, null, (evaluator, set, images) =>
            Evaluator.Score(evaluator.Grow(set.AsGrowingTexts(), images, null, [null])[0]));
    }

    /// <summary>COLA, multi-object setting: two consecutive rows are the two images, with their captions, of one question.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the model's image and caption columns: <c>LoadFromImageCaptions("cola:PATH")</c>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    /// <exception cref="ArgumentException">The number of rows is odd.</exception>
    /// <exception cref="ImageReadException">An image cannot be read.</exception>
    public static ColaMetrics EvaluateCola(this HiMoClipTransformer model, IDataView data) =>
        Run(model, data, null, (evaluator, set, images) =>
        Evaluator.Cola(set, images, evaluator.EmbedTexts(set.Captions, "captions")));

    /// <summary>Zero-shot classification by the labels of a classifier. Its threshold, if it has one, plays no part: an image gets its
    /// best label.</summary>
    /// <param name="model">A model with labels: <c>model.ForZeroShot(labels, templates)</c>.</param>
    /// <param name="data">Rows with the model's image column and the label.</param>
    /// <param name="labelColumnName">A text column with one of the model's labels in each row. Of class folders read by
    /// <c>LoadFromImageCaptions("class-folder:PATH")</c> that is <c>Caption</c>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    /// <exception cref="ArgumentException">The model has no labels, or a row has another one.</exception>
    /// <exception cref="ImageReadException">An image cannot be read.</exception>
    public static ZeroShotMetrics EvaluateZeroShot(this HiMoClipTransformer model, IDataView data, string labelColumnName = "Label")
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.ZeroShot is not { } head)
        {
            throw new ArgumentException("Expected a model with labels: call ForZeroShot first.", nameof(model));
        }

        return Run(model, data, labelColumnName, (_, set, images) => Evaluator.ZeroShot(
            set, images, head.Labels, head.Labels, new EmbeddingMatrix([.. head.Classes], images.Dimension).Normalize()));
    }

    private static T Run<T>(
        HiMoClipTransformer model, IDataView data, string? textColumn, Func<Evaluator, EvaluatedSet, EmbeddingMatrix, T> measure)
    {
        ArgumentNullException.ThrowIfNull(model);
        using ClipEmbedder embedder = model.CreateEmbedder();
        using var evaluator = new Evaluator(embedder, new());
        (EvaluatedSet set, EmbeddingMatrix images) = evaluator.EmbedImages(Rows(model, data, textColumn ?? model.Columns.Text),
            Count(data));
        return measure(evaluator, set, images);
    }

    private static HiMoClipMetrics Evaluate(
        Evaluator evaluator, string name, string? format, IEnumerable<ImageWithCaptions> rows, int? total)
    {
        HiMoClipEvaluationOptions options = evaluator.Options;
        (EvaluatedSet set, EmbeddingMatrix images) = evaluator.EmbedImages(rows, total, format == "cola" ? 2 : 1);
        if (set.Captions.Count == 0)
        {
            throw new InvalidDataException($"{name}: expected captions, found {set.ImagePaths.Count} images without one.");
        }

        if (set.ImagePaths.Count - set.ImageOfCaption.Distinct().Count() is > 0 and var silent)
        {
            evaluator.Notes.Add(
                $"{silent} of {set.ImagePaths.Count} images have no caption: captions are searched among them, but they ask for none.");
        }

        switch (format)
        {
            case "class-folder":
                string[] folders = [.. options.ClassNames?.Keys ?? set.Captions.Distinct()];
                string[] names = [.. folders.Select(folder => options.ClassNames?[folder] ?? folder)];
                ZeroShotHead.Check(folders, options.Templates, threshold: null);
                EmbeddingMatrix classes = ZeroShotClassification.ClassEmbeddings(
                    evaluator.EmbedTexts([.. names.SelectMany(n => options.Templates
                        .Select(t => t.Replace("{0}", n, StringComparison.Ordinal)))], "classes"), options.Templates.Count);
                return Metrics(evaluator, name, format, set, new(set, images, null, [])) with
                {
                    ZeroShot = Evaluator.ZeroShot(set, images, folders, names, classes),
                };
            case "cola":
                EmbeddingMatrix pairs = evaluator.EmbedTexts(set.Captions, "captions");
                return Metrics(evaluator, name, format, set, new(set, images, pairs, [])) with
                {
                    Cola = Evaluator.Cola(set, images, pairs),
                };
            default:
                set = format == "himo-docci" ? set.AsGrowingTexts() : set;
                EmbeddingMatrix texts = evaluator.EmbedTexts(set.Captions, "captions");
                (QueryRanks imageRanks, QueryRanks textRanks) = Retrieval.Rank(images, texts, set.ImageOfCaption);
                IReadOnlyList<Growth> growths = evaluator.Grow(set, images, texts,
                    set.OwnTexts is null ? [.. options.K.Distinct()] : [null]);
                return Metrics(evaluator, name, format, set, new(set, images, texts, growths, imageRanks, textRanks)) with
                {
                    Retrieval = Retrieval.Recalls(imageRanks, textRanks),
                    Monotonicity = [.. growths.Select(Evaluator.Score)],
                };
        }
    }

    private static HiMoClipMetrics Metrics(
        Evaluator evaluator, string name, string? format, EvaluatedSet set, EvaluationDetails? details = null) => new()
        {
            ModelName = evaluator.Options.ModelName,
            WeightsHash = evaluator.Model.WeightsHash,
            DataName = name,
            Format = format,
            ImageCount = set.ImagePaths.Count,
            UnreadableCount = evaluator.UnreadableCount,
            Captions = set.Statistics(evaluator.Model.Encoder.Tokenizer, evaluator.Model.Architecture.ContextLength),
            Notes = evaluator.Notes,
            Details = evaluator.Options.KeepsEmbeddings ? details : null,
        };

    private static int? Count(IDataView data) => (int?)data.GetRowCount();

    private static IEnumerable<ImageWithCaptions> Rows(HiMoClipTransformer model, IDataView data, string? textColumn)
    {
        ArgumentNullException.ThrowIfNull(data);
        return InputColumns.Pairs(data, model.Columns.Image, textColumn, model.ImageFolder, model.Encoder.Planes);
    }
}
