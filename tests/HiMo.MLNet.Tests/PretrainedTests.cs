using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests;

public sealed class PretrainedTests : IDisposable
{
    private readonly MLContext _mlContext = new(seed: 3);
    private readonly ToyImages _images = new();

    public void Dispose() => _images.Dispose();

    [Fact]
    public void A_checkpoint_needs_no_training_data()
    {
        IDataView empty = _mlContext.Data.LoadFromEnumerable(Array.Empty<ToyImages.Row>()), data = _mlContext.Data.LoadFromEnumerable(_images.Rows);
        EstimatorChain<KeyToValueMappingTransformer> pipeline = _mlContext.Transforms.HiMoClip(_images.Checkpoint(ScalarType.Float32), labels: ["red", "blue"], templates: ClipTemplates.Photo)
            .Append(_mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel"));

        IDataView scored = pipeline.Fit(empty).Transform(data);

        Assert.All(scored.GetColumn<string>("PredictedLabel"), label => Assert.Contains(label, (string[])["red", "blue"]));
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 32), scored.Schema["TextEmbedding"].Type);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void File_to_zip_to_another_process_and_back_keeps_every_bit(ScalarType type)
    {
        string file = _images.Checkpoint(type), zip = Path.Combine(_images.Folder, "model.zip"), back = Path.Combine(_images.Folder, "back.safetensors");
        IDataView data = _mlContext.Data.LoadFromEnumerable(_images.Rows);
        using (HiMoClipTransformer model = _mlContext.Transforms.HiMoClip(file).Fit(data))
        {
            _mlContext.Model.Save(model, data.Schema, zip);
        }

        SeparateProcess.Export(zip, back);

        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(back));
        // Halves are not widened on the way: the zip stores them as they are.
        Assert.InRange(new FileInfo(zip).Length, 0, new FileInfo(file).Length + 2_000_000);
    }

    [Fact]
    public void Images_alone_are_enough_for_a_checkpoint()
    {
        IDataView images = _mlContext.Data.LoadFromEnumerable(_images.Rows.Select(r => new { r.ImagePath }).ToArray());

        IDataView scored = _mlContext.Transforms.HiMoClip(_images.Checkpoint(ScalarType.Float16)).Append(_mlContext.Transforms.CopyColumns("Features", "ImageEmbedding"))
            .Fit(images).Transform(images);

        Assert.Equal(16, scored.GetColumn<float[]>("Features").Count());
        Assert.Null(scored.Schema.GetColumnOrNull("TextEmbedding"));
    }

    [Fact]
    public void Inspecting_tells_sizes_and_types_without_loading()
    {
        ClipCheckpoint vit = ClipCheckpoint.Inspect(GoldenFile.PathOf("tiny-vit.pt")), resnet = ClipCheckpoint.Inspect(GoldenFile.PathOf("tiny-rn.safetensors"));

        Assert.Equal(("PyTorch", "safetensors"), (vit.Format, resnet.Format));
        Assert.Equal((64, 64, 16), (vit.Architecture.EmbeddingDimension, vit.Architecture.ImageSize, vit.Architecture.PatchSize));
        Assert.False(resnet.Architecture.IsVisionTransformer);
        Assert.Contains(vit.Tensors, t => t is { Name: "logit_scale", Type: TorchSharp.torch.ScalarType.Float32, Shape.Length: 0 });
        Assert.Equal(["Float32"], vit.StoredTypes.Keys);
        Assert.Equal(vit.Tensors.Count, vit.StoredTypes["Float32"]);
        Assert.Equal(248, vit.StoredContextLength);
        Assert.Equal(GoldenFile.Read("tiny-vit.safetensors").Values.Sum(t => (long)t.Values.Length), vit.ParameterCount);
    }

    [Fact]
    public void A_model_zip_is_inspected_like_the_checkpoint_that_it_came_from()
    {
        string file = _images.Checkpoint(ScalarType.Float16), zip = Path.Combine(_images.Folder, "inspected.zip"), other = Path.Combine(_images.Folder, "other.zip");
        IDataView data = _mlContext.Data.LoadFromEnumerable(_images.Rows);
        ITransformer copy = _mlContext.Transforms.CopyColumns("Copy", "Caption").Fit(data);
        using (HiMoClipTransformer model = _mlContext.Transforms.HiMoClip(file).Fit(data))
        {
            _mlContext.Model.Save(copy.Append(model), data.Schema, zip);
        }

        _mlContext.Model.Save(copy, data.Schema, other);

        ClipCheckpoint before = ClipCheckpoint.Inspect(file), after = ClipCheckpoint.Inspect(zip);

        Assert.Equal(("safetensors", ClipCheckpoint.ModelZip), (before.Format, after.Format));
        Assert.Equal(before.ParameterCount, after.ParameterCount);
        Assert.Equal(before.Tensors.Select(t => (t.Name, t.Type)), after.Tensors.Select(t => (t.Name, t.Type)));
        Assert.Contains("without one", Assert.Throws<CheckpointFormatException>(() => ClipCheckpoint.Inspect(other)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_with_another_vocabulary_embeds_images_and_refuses_texts()
    {
        string file = GoldenFile.PathOf("tiny-vit.pt");
        IDataView data = _mlContext.Data.LoadFromEnumerable(_images.Rows);
        using HiMoClipTransformer model = _mlContext.Transforms.HiMoClip(file).Fit(data);

        IDataView scored = model.Transform(data);

        // The golden model knows 300 tokens; CLIP's vocabulary has 49,408.
        string expected = $"{file}: texts cannot be encoded: expected CLIP's vocabulary of 49408 tokens, found 300";
        Assert.Equal(16, scored.GetColumn<float[]>("ImageEmbedding").Count());
        Assert.Contains(expected, Assert.Throws<CheckpointFormatException>(() => scored.GetColumn<float[]>("TextEmbedding").Count()).Message, StringComparison.Ordinal);
        Assert.Contains(expected, Assert.Throws<CheckpointFormatException>(() => model.ForZeroShot(["cat"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_checkpoint_is_named()
    {
        IOException error = Assert.ThrowsAny<IOException>(() => _mlContext.Transforms.HiMoClip("no-such.pt").Fit(_mlContext.Data.LoadFromEnumerable(_images.Rows)));

        Assert.Contains("no-such.pt", error.Message, StringComparison.Ordinal);
    }
}
