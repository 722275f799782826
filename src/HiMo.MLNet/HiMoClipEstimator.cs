using System.Globalization;
using HiMo.MLNet.Embedding;
using HiMo.MLNet.Interop;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Scoring;
using HiMo.MLNet.Training;
using Microsoft.ML;
using Microsoft.ML.Runtime;
using static System.FormattableString;

namespace HiMo.MLNet;

/// <summary>Trains a CLIP model with HiMo-CLIP's objective on a column of images and a column of captions.</summary>
/// <remarks>Made by <c>mlContext.Transforms.HiMoClip(...)</c>.</remarks>
public sealed class HiMoClipEstimator : IEstimator<HiMoClipTransformer>
{
    private readonly IHost _host;
    private readonly HiMoClipOptions _options;

    internal HiMoClipEstimator(IHostEnvironment environment, HiMoClipOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options = options.Copy();
        options.Validate();
        if (options.Labels is not null)
        {
            ZeroShotHead.Check(options.Labels, options.Templates ?? ["{0}"], options.Threshold);
        }

        _host = environment.Register(nameof(HiMoClipEstimator));
        _options = options;
        _ = Columns;
    }

    private HiMoClipColumns Columns => new HiMoClipColumns(
        _options.ImageColumnName, _options.CaptionColumnName, _options.ImageEmbeddingColumnName, _options.TextEmbeddingColumnName,
        _options.PredictedLabelColumnName, _options.ScoreColumnName, _options.SimilarityColumnName,
        _options.ImageErrorColumnName).Checked();

    /// <summary>
    /// Trains. Reads the data once a pass, in batches; images are decoded as they are needed. An estimator that applies a
    /// checkpoint as it is loads it and reads nothing.
    /// </summary>
    /// <param name="input">Rows with an image and a caption each, at least two; to apply a checkpoint, any data with one of the
    /// columns.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    /// <exception cref="InvalidOperationException">The data is empty, a row has no image, the loss is not finite, or there is no native
    /// torch library.</exception>
    /// <exception cref="CheckpointFormatException">The checkpoint is not one of a CLIP model; or captions or labels are to be encoded,
    /// and its vocabulary is not CLIP's.</exception>
    /// <exception cref="ImageReadException">An image cannot be read.</exception>
    /// <exception cref="OperationCanceledException"><see cref="TrainingOptions.CancellationToken"/> was cancelled.</exception>
    public HiMoClipTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var ranks = new Ranks(_options.Applies ? null : _options.Communicator);
        return ranks.Guard(() =>
        {
            long? validationPairs = ranks.Together(() =>
            {
                GetOutputSchema(MLNetInternals.Shape(input.Schema));
                return _options.ValidationSet is { } held ? CountValidationPairs(held) : (long?)null;
            });
            return OwnThread.Run("HiMo-CLIP", () => _options.Applies ? Apply() : Train(input, validationPairs, ranks));
        });
    }

    private long CountValidationPairs(IDataView held)
    {
        try
        {
            InputColumns.Image(held.Schema, _options.ImageColumnName);
            long pairs = CountRows(held, InputColumns.Text(held.Schema, _options.CaptionColumnName));
            return pairs >= 2 ? pairs
                : throw new InvalidOperationException(
                    $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.ValidationSet)} must have at least 2 rows; it has {pairs}.");
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new ArgumentException($"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.ValidationSet)}: {e.Message}", e);
        }
    }

    private HiMoClipTransformer Apply()
    {
        if (!Path.Exists(_options.Checkpoint))
        {
            throw new FileNotFoundException(
                $"There is no checkpoint '{_options.Checkpoint}'. "
                + "(To train from scratch, say for how many epochs: HiMoClip(imageColumnName, captionColumnName, epochs).)",
                _options.Checkpoint);
        }

        DeviceChoice device = MLNetInternals.Device(_host);
        using IChannel channel = _host.Start("Loading HiMo-CLIP");
        var encoder = ClipEncoder.Load(
            _options.Checkpoint!, device, _options.Activation, warning => channel.Warning(MessageSensitivity.None, warning));
        channel.Info(MessageSensitivity.None, $"'{_options.Checkpoint}' runs on {encoder.Engine}.");
        return CreateTransformer(encoder);
    }

    private HiMoClipTransformer Train(IDataView input, long? validationPairs, Ranks ranks)
    {
        using IChannel channel = _host.Start("Training HiMo-CLIP");
        PairSource? validation = _options.ValidationSet is not { } held ? null : new(() => ReadPairs(held), validationPairs!.Value);
        long rows = ranks.Together(() => CountRows(input, InputColumns.Text(input.Schema, _options.CaptionColumnName)));
        var pairs = new PairSource(() => ReadPairs(input), rows);
        ClipEncoder? encoder = null;
        double Measure(TrainedModel model, ValidationMetric metric)
        {
            encoder ??= new(model);
            return ValidationMetrics.Measure(encoder, metric, InputColumns.Pairs(
                _options.ValidationSet!, _options.ImageColumnName, _options.CaptionColumnName, _options.ImageFolder, encoder.Planes),
                _options);
        }

        var training = new ClipTraining(
            _options, MLNetInternals.Device(_host), MLNetInternals.Seed(_host), pairs, validation, Measure, ranks,
            new Log(this, channel, ranks));
        TrainedModel trained = training.Run();
        return CreateTransformer(encoder ?? new(trained));
    }

    private HiMoClipTransformer CreateTransformer(ClipEncoder encoder)
    {
        var transformer = new HiMoClipTransformer(encoder, Columns, _options.ImageFolder);
        if (_options.Labels is null)
        {
            return transformer;
        }

        using (transformer)
        {
            return transformer.ForZeroShot(
                _options.Labels, _options.Templates, _options.PredictedLabelColumnName, _options.ScoreColumnName, _options.Threshold);
        }
    }

    private sealed class Log(HiMoClipEstimator estimator, IChannel channel, Ranks ranks) : ITrainingLog
    {
        private IProgress<TrainingProgress>? _progress = estimator._options.Progress;

        public void Info(string message) => channel.Info(MessageSensitivity.None, message);

        public void Warn(string message) => channel.Warning(MessageSensitivity.None, message);

        public void Report(TrainingProgress progress)
        {
            if (!ranks.IsFirst)
            {
                return;
            }

            try
            {
                _progress?.Report(progress);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // A disk that is full costs the event file, not the training.
                Warn($"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.Progress)} could not write step {progress.Step}: {e.Message} "
                    + "Training goes on, and reports to it no more.");
                _progress = null;
            }

            if (progress.Step == 1 || progress.Step % 10 == 0 || progress.Step == progress.TotalSteps
                || progress.ValidationScore is not null)
            {
                Info(estimator.Line(progress));
            }
        }
    }

    private string Line(TrainingProgress p)
    {
        string parts = string.Join(", ", p.LossParts
            .Select(part => Invariant($"{part.Key} {part.Value:f4}")));
        string components = p.Components > 0 ? $", {p.Components} components" : "";
        string validation = p.ValidationScore is not { } score ? ""
            : Invariant($", validation {_options.ValidationMetric} {score:f4}");
        return string.Create(CultureInfo.InvariantCulture,
            $"step {p.Step}/{p.TotalSteps}, epoch {p.Epoch}: loss {p.Loss:f4} ({parts}{components}), rate {p.LearningRate:g3}, "
            + $"{p.ImagesPerSecond:f0} images/s, {(int)p.Remaining.TotalHours}:{p.Remaining:mm\\:ss} left{validation}");
    }

    private static long CountRows(IDataView input, DataViewSchema.Column column)
    {
        if (input.GetRowCount() is { } known)
        {
            return known;
        }

        long count = 0;
        using DataViewRowCursor cursor = input.GetRowCursor([column]);
        while (cursor.MoveNext())
        {
            count++;
        }

        return count;
    }

    private IEnumerable<TrainingPair> ReadPairs(IDataView data)
    {
        DataViewSchema.Column image = InputColumns.Image(data.Schema, _options.ImageColumnName),
            caption = InputColumns.Text(data.Schema, _options.CaptionColumnName);
        using DataViewRowCursor cursor = data.GetRowCursor([image, caption]);
        Func<TrainingPair?> read = InputColumns.TrainingReader(cursor, image, caption, _options.ImageFolder);
        while (cursor.MoveNext())
        {
            yield return read() ?? throw InputColumns.NoImage(cursor, image);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        // Training reads both sides; a model that is only applied may find one of them missing.
        (bool Image, bool Text) sides = !_options.Applies ? (Image: true, Text: true)
            : Columns.Sides(name => inputSchema.Any(c => c.Name == name));
        if (sides.Image)
        {
            InputColumns.Check(inputSchema, Columns.Image!, InputColumns.Kind.Image);
        }

        if (sides.Text)
        {
            InputColumns.Check(inputSchema, Columns.Text!, InputColumns.Kind.Caption);
        }
        // The shape says vector, not of which size: any known size stands for it.
        return RowBinding.OutputShape(inputSchema,
            ClipBinding.Columns(Columns, sides, dimension: 1, _options.Labels).Select(c => c.Column));
    }
}
