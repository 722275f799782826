using System.Net;
using System.Net.Http.Json;
using System.Text;
using Microsoft.ML;

namespace HiMo.MLNet.Tests.Samples;

public sealed class WebProgramTests(WebProgramTests.Server server) : IClassFixture<WebProgramTests.Server>
{
    /// <summary>The sample with a tiny model of three labels, and the images.</summary>
    public sealed class Server : IDisposable
    {
        private readonly WebProgram _web;

        public Server()
        {
            var mlContext = new MLContext(seed: 3);
            using HiMoClipTransformer model = WebProgramTests.Classifier(mlContext, Images);
            using PredictionEngine<ToyImages.Row, Prediction> engine = mlContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(model, new PredictionEngineOptions { OwnsTransformer = false });
            Expected = [.. Images.Rows.Select(row => engine.Predict(row).Score)];
            Model = Save(mlContext, model, Images);
            _web = new(Model);
        }

        /// <summary>The zip.</summary>
        public string Model { get; }

        public ToyImages Images { get; } = new();

        /// <summary>The probabilities of the labels, for every image.</summary>
        public float[][] Expected { get; }

        public HttpClient Client => _web.Client;

        public void Dispose()
        {
            _web.Dispose();
            Images.Dispose();
        }

        private sealed class Prediction
        {
            public float[] Score { get; set; } = [];
        }
    }

    /// <summary>A tiny model of three labels in the folder of the images.</summary>
    internal static string SaveModel(ToyImages images)
    {
        var mlContext = new MLContext(seed: 3);
        using HiMoClipTransformer model = Classifier(mlContext, images);
        return Save(mlContext, model, images);
    }

    private static HiMoClipTransformer Classifier(MLContext mlContext, ToyImages images) =>
        mlContext.Transforms.HiMoClip(images.Checkpoint(), labels: s_labels).Fit(mlContext.Data.LoadFromEnumerable(images.Rows));

    private static string Save(MLContext mlContext, HiMoClipTransformer model, ToyImages images)
    {
        string zip = Path.Combine(images.Folder, "model.zip");
        mlContext.Model.Save(model, mlContext.Data.LoadFromEnumerable(images.Rows).Schema, zip);
        return zip;
    }

    private sealed record Answer(string Label, Dictionary<string, float> Probabilities);

    private sealed record Problem(string Detail);

    private static readonly string[] s_labels = ["red", "green", "blue"];

    [Fact]
    public async Task Classifies_images_as_the_model_does_for_many_clients_at_a_time()
    {
        Answer[] answers = await Task.WhenAll(server.Images.Rows.Select(async row =>
        {
            using var image = new ByteArrayContent(await File.ReadAllBytesAsync(row.ImagePath)) { Headers = { ContentType = new("application/x-www-form-urlencoded") } };
            using HttpResponseMessage response = await server.Client.PostAsync("/classify", image);
            return (await response.Content.ReadFromJsonAsync<Answer>())!;
        }));

        foreach ((Answer answer, float[] expected) in answers.Zip(server.Expected))
        {
            Assert.Equal(s_labels[expected.IndexOf(expected.Max())], answer.Label);
            Assert.Equal(expected.OrderDescending(), answer.Probabilities.Values, (a, b) => Math.Abs(a - b) < 1e-5);
            Assert.All(s_labels.Zip(expected), label => Assert.Equal(label.Second, answer.Probabilities[label.First], 1e-5));
        }
    }

    [Fact]
    public async Task Takes_a_form_with_a_file()
    {
        using var form = new MultipartFormDataContent { { new ByteArrayContent(await File.ReadAllBytesAsync(server.Images.Rows[5].ImagePath)), "image", "toy.png" } };

        using HttpResponseMessage response = await server.Client.PostAsync("/classify", form);

        Answer answer = (await response.Content.ReadFromJsonAsync<Answer>())!;
        Assert.Equal(server.Expected[5].Max(), answer.Probabilities[answer.Label], 1e-5);
    }

    [Theory]
    [InlineData("not an image", "it is not an image of a known format")]
    [InlineData("", "it is empty")]
    public async Task What_is_no_image_is_a_bad_request(string body, string expected)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/classify", new ByteArrayContent(Encoding.UTF8.GetBytes(body)));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(expected, (await response.Content.ReadFromJsonAsync<Problem>())!.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("red, blue", "{0}", new[] { "red", "blue" })]
    [InlineData("red", "", new[] { "red" })]
    [InlineData("red\r\na dark, deep blue\n\n", "a photo of a {0}.", new[] { "red", "a dark, deep blue" })]
    public async Task Classifies_against_the_labels_of_a_request(string labels, string template, string[] expected)
    {
        byte[] bytes = await File.ReadAllBytesAsync(server.Images.Rows[5].ImagePath);
        using var model = ClipEmbedder.Load(server.Model);
        ClipPrediction prediction = model.CreateClassifier(expected, [template.Length == 0 ? "{0}" : template]).Classify(ClipImage.FromBytes(bytes));
        using var form = new MultipartFormDataContent
        {
            { new ByteArrayContent(bytes), "image", "toy.png" }, { new StringContent(labels), "labels" }, { new StringContent(template), "template" },
        };

        using HttpResponseMessage asForm = await server.Client.PostAsync("/classify", form),
            asBody = await server.Client.PostAsync($"/classify?labels={Uri.EscapeDataString(labels)}&template={Uri.EscapeDataString(template)}", new ByteArrayContent(bytes));

        foreach (HttpResponseMessage response in (HttpResponseMessage[])[asForm, asBody])
        {
            Answer answer = (await response.Content.ReadFromJsonAsync<Answer>())!;
            Assert.Equal(prediction.Label, answer.Label);
            Assert.Equal(expected.Order(), answer.Probabilities.Keys.Order());
            Assert.All(expected.Zip(prediction.Probabilities), label => Assert.Equal(label.Second, answer.Probabilities[label.First], 1e-5));
        }
    }

    [Theory]
    [InlineData("red, red", "{0}", HttpStatusCode.BadRequest, "The label 'red' is given 2 times; labels must differ.")]
    [InlineData("red, blue", "a photo", HttpStatusCode.BadRequest, "The template 'a photo' has no {0} in the place of the label.")]
    [InlineData("", "a photo of a {0}", HttpStatusCode.BadRequest, "Expected labels for the template, found none.")]
    [InlineData(" , ,", "", HttpStatusCode.BadRequest, "Zero-shot classification needs at least one label.")]
    public async Task Labels_that_make_no_sense_are_a_bad_request(string labels, string template, HttpStatusCode status, string expected)
    {
        using var image = new ByteArrayContent(await File.ReadAllBytesAsync(server.Images.Rows[0].ImagePath));
        using HttpResponseMessage response = await server.Client.PostAsync($"/classify?labels={labels}&template={template}", image);

        Assert.Equal(status, response.StatusCode);
        Assert.Equal(expected, (await response.Content.ReadFromJsonAsync<Problem>())!.Detail);
    }

    [Fact]
    public async Task Takes_a_bounded_number_of_labels()
    {
        byte[] bytes = await File.ReadAllBytesAsync(server.Images.Rows[0].ImagePath);
        async Task<string> Refusal(string labels)
        {
            using var form = new MultipartFormDataContent { { new ByteArrayContent(bytes), "image", "toy.png" }, { new StringContent(labels), "labels" } };
            using HttpResponseMessage response = await server.Client.PostAsync("/classify", form);
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
            return (await response.Content.ReadFromJsonAsync<Problem>())!.Detail;
        }

        Assert.Equal("Expected at most 256 labels, found 257.", await Refusal(string.Join(',', Enumerable.Range(0, 257))));
        Assert.Equal("the labels: expected at most 4000 characters, found 4001.", await Refusal(new string('x', 4_001)));
    }

    [Fact]
    public async Task Without_images_there_is_nothing_to_search()
    {
        using HttpResponseMessage response = await server.Client.GetAsync("/search?text=red");

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("without images", (await response.Content.ReadFromJsonAsync<Problem>())!.Detail, StringComparison.Ordinal);
    }
}
