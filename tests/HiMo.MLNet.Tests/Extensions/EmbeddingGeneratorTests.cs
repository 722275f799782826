using System.Diagnostics;
using HiMo.MLNet.Tests.Composition;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace HiMo.MLNet.Tests.Extensions;

/// <summary>A model as Microsoft.Extensions.AI's generators: by itself, in a container, behind middleware.</summary>
public sealed class EmbeddingGeneratorTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private DataContent Content(int row) =>
        new(File.ReadAllBytes(tiny.Images.Rows[row].ImagePath), "image/png") { Name = $"row {row}" };

    [Fact]
    public async Task Texts_are_embedded_as_the_model_does_and_their_tokens_counted()
    {
        using var clip = ClipEmbedder.Load(tiny.Checkpoint);
        IEmbeddingGenerator<string, Embedding<float>> generator = clip.AsTextEmbeddingGenerator();

        GeneratedEmbeddings<Embedding<float>> made = await generator.GenerateAsync(["the top is red", "blue"]);

        TinyModel.Close(clip.EmbedText("the top is red"), made[0].Vector.ToArray());
        TinyModel.Close(clip.EmbedText("blue"), made[1].Vector.ToArray());
        Assert.Equal(4 + 1, made.Usage!.InputTokenCount);
        Assert.All(made, embedding => Assert.Equal(clip.WeightsHash, embedding.ModelId));
    }

    [Fact]
    public async Task An_image_is_embedded_from_its_bytes()
    {
        using var clip = ClipEmbedder.Load(tiny.Checkpoint);

        ReadOnlyMemory<float> image = await clip.AsImageEmbeddingGenerator().GenerateVectorAsync(Content(0));

        TinyModel.Close(clip.EmbedImage(tiny.Images.Rows[0].ImagePath), image.ToArray());
    }

    [Fact]
    public async Task A_container_loads_one_model_for_all_and_disposes_of_it()
    {
        ServiceProvider provider = new ServiceCollection().AddHiMoClip(tiny.Checkpoint).BuildServiceProvider();
        ClipEmbedder clip = provider.GetRequiredService<ClipEmbedder>();
        IEmbeddingGenerator<string, Embedding<float>> texts =
            provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();
        IEmbeddingGenerator<DataContent, Embedding<float>> images =
            provider.GetRequiredService<IEmbeddingGenerator<DataContent, Embedding<float>>>();

        Assert.Same(clip, texts.GetService<ClipEmbedder>());
        Assert.Same(clip, images.GetService<ClipEmbedder>());
        EmbeddingGeneratorMetadata metadata = texts.GetRequiredService<EmbeddingGeneratorMetadata>();
        Assert.Equal(("himo-clip", clip.Dimension), (metadata.ProviderName, metadata.DefaultModelDimensions));

        await provider.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => texts.GenerateAsync(["red"]));
    }

    [Fact]
    public async Task Two_models_have_keys()
    {
        string other = tiny.FileName("other.safetensors");
        File.Copy(tiny.Checkpoint, other);
        await using ServiceProvider provider = new ServiceCollection()
            .AddHiMoClip(tiny.Checkpoint, serviceKey: "first").AddHiMoClip(other, serviceKey: "second").BuildServiceProvider();

        Assert.Null(provider.GetService<ClipEmbedder>());
        Assert.NotSame(provider.GetRequiredKeyedService<ClipEmbedder>("first"), provider.GetRequiredKeyedService<ClipEmbedder>("second"));
        Assert.NotNull(provider.GetKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("second"));
    }

    [Fact]
    public async Task Middleware_for_telemetry_sees_the_model_and_the_tokens()
    {
        using var clip = ClipEmbedder.Load(tiny.Checkpoint);
        var activities = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "of this test",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activities.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using IEmbeddingGenerator<string, Embedding<float>> generator =
            clip.AsTextEmbeddingGenerator().AsBuilder().UseOpenTelemetry(sourceName: "of this test").Build();

        await generator.GenerateAsync(["red"]);

        Activity activity = Assert.Single(activities);
        Assert.Equal(clip.WeightsHash, activity.GetTagItem("gen_ai.request.model"));
        Assert.Equal(1, Convert.ToInt32(activity.GetTagItem("gen_ai.usage.input_tokens")));
    }

    [Fact]
    public async Task What_is_no_image_and_what_the_model_cannot_give_are_errors_that_say_so()
    {
        using var clip = ClipEmbedder.Load(tiny.Checkpoint);
        IEmbeddingGenerator<DataContent, Embedding<float>> images = clip.AsImageEmbeddingGenerator();

        ArgumentException type = await Assert.ThrowsAsync<ArgumentException>(() =>
            images.GenerateAsync([Content(0), new DataContent("cat"u8.ToArray(), "text/plain")]));
        Assert.Equal("image 1: expected an image's media type (image/…), found 'text/plain'.", type.Message);

        ImageReadException bytes = await Assert.ThrowsAsync<ImageReadException>(() =>
            images.GenerateAsync([new DataContent("cat"u8.ToArray(), "image/png") { Name = "tom" }]));
        Assert.Contains("tom", bytes.Message, StringComparison.Ordinal);

        ArgumentException size = await Assert.ThrowsAsync<ArgumentException>(() =>
            clip.AsTextEmbeddingGenerator().GenerateAsync(["red"], new() { Dimensions = clip.Dimension + 1 }));
        Assert.StartsWith($"options.Dimensions: expected {clip.Dimension}, which is what the model gives, or null; found {clip.Dimension + 1}.",
            size.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_call_ends_as_cancelled()
    {
        using var clip = ClipEmbedder.Load(tiny.Checkpoint);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            clip.AsTextEmbeddingGenerator().GenerateAsync(["red"], cancellationToken: new CancellationToken(canceled: true)));
    }
}
