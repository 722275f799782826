using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The web sample over a folder of images: its page, its search and its document.</summary>
public sealed class WebSearchTests(WebSearchTests.Server server) : IClassFixture<WebSearchTests.Server>
{
    /// <summary>The sample over sixteen images, one of them twice, and a file that is none.</summary>
    public sealed class Server : IDisposable
    {
        public const string Example = "Two colours. The top is red.";

        private readonly WebProgram _web;

        public Server()
        {
            string zip = WebProgramTests.SaveModel(Images);
            Model = ClipEmbedder.Load(zip);
            Embeddings = Images.Rows.ToDictionary(row => Path.GetFileName(row.ImagePath), row => Model.EmbedImage(row.ImagePath));
            File.Copy(Images.Rows[0].ImagePath, Path.Combine(Directory.CreateDirectory(Path.Combine(Images.Folder, "sub")).FullName, "twice.png"));
            File.WriteAllText(Path.Combine(Images.Folder, "broken.png"), "no image");
            _web = new(zip, "--images", Images.Folder, "--maxtext", "500", "--example", Example);
        }

        public ToyImages Images { get; } = new();

        public ClipEmbedder Model { get; }

        /// <summary>By the names of the images' files.</summary>
        public Dictionary<string, float[]> Embeddings { get; }

        public HttpClient Client => _web.Client;

        /// <summary>Where the page is.</summary>
        public string Address => _web.Client.BaseAddress!.ToString();

        public void Dispose()
        {
            _web.Dispose();
            Model.Dispose();
            Images.Dispose();
        }
    }

    private sealed record Answer(string[] Sentences, bool Truncated, Result[] Results, Result? Pinned);

    private sealed record Result(string Id, string Name, float Cosine, float[] Cosines);

    private sealed record Problem(string Detail);

    private async Task<Answer> Search(string text, string more = "") =>
        (await server.Client.GetFromJsonAsync<Answer>($"/search?text={Uri.EscapeDataString(text)}{more}"))!;

    [Theory]
    [InlineData("The top is red.")]
    [InlineData("Two colours. The top is yellow. The bottom is blue.")]
    public async Task Ranks_images_by_their_similarity_with_the_text(string text)
    {
        float[] embedding = server.Model.EmbedText(text);
        (string Name, float Cosine)[] expected = [.. server.Embeddings.Select(image => (image.Key, ClipEmbedder.Similarity(image.Value, embedding)))
            .OrderByDescending(image => image.Item2)];

        Answer answer = await Search(text);

        Assert.Equal(expected.Select(image => image.Name), answer.Results.Select(result => result.Name));
        Assert.All(expected.Zip(answer.Results), pair => Assert.Equal(pair.First.Cosine, pair.Second.Cosine, 1e-5));
        Assert.Equal(answer.Results[..3].Select(result => result.Name), (await Search(text, "&top=3")).Results.Select(result => result.Name));
    }

    [Fact]
    public async Task Tells_the_similarity_after_every_sentence()
    {
        string[] growing = ["Mr. Red is 3.5 m wide.", "Mr. Red is 3.5 m wide. Is he blue?", "Mr. Red is 3.5 m wide. Is he blue? He may be"];

        Answer answer = await Search(growing[2]);

        Assert.Equal(["Mr. Red is 3.5 m wide.", "Is he blue?", "He may be"], answer.Sentences);
        Assert.All(answer.Results, result =>
        {
            Assert.Equal(growing.Select(text => ClipEmbedder.Similarity(server.Embeddings[result.Name], server.Model.EmbedText(text))),
                result.Cosines, (a, b) => Math.Abs(a - b) < 1e-5);
            Assert.Equal(result.Cosines[^1], result.Cosine);
        });
    }

    [Fact]
    public async Task Tells_of_a_pinned_image_that_is_not_among_the_results()
    {
        Result worst = (await Search("The top is red.")).Results[^1];

        Answer answer = await Search("The top is red.", $"&top=1&image={worst.Id}");

        Assert.Single(answer.Results);
        Assert.Equal((worst.Name, worst.Cosine), (answer.Pinned!.Name, answer.Pinned.Cosine));
        Assert.Null((await Search("The top is red.", "&image=unknown")).Pinned);
    }

    [Fact]
    public async Task Says_when_the_model_does_not_read_all_of_a_text()
    {
        Assert.False((await Search("The top is red.")).Truncated);
        Assert.True((await Search(string.Concat(Enumerable.Repeat("a ", 250)))).Truncated);
    }

    [Theory]
    [InlineData("", HttpStatusCode.BadRequest, "text: expected what the images should show, found nothing.")]
    [InlineData("?text=%20", HttpStatusCode.BadRequest, "text: expected what the images should show, found nothing.")]
    [InlineData("?text=red&top=0", HttpStatusCode.BadRequest, "top: expected a number from 1 to 200, found 0.")]
    [InlineData("?text=red&top=201", HttpStatusCode.BadRequest, "top: expected a number from 1 to 200, found 201.")]
    [InlineData("?text=red&top=many", HttpStatusCode.BadRequest, "")]
    public async Task What_is_no_search_is_a_bad_request(string query, HttpStatusCode status, string detail) =>
        await Refused($"/search{query}", status, detail);

    [Fact]
    public async Task Texts_are_bounded()
    {
        await Refused("/search?text=" + Uri.EscapeDataString(new string('赤', 501)), HttpStatusCode.RequestEntityTooLarge,
            "text: expected at most 500 characters, found 501.");
        await Refused("/search?text=" + string.Concat(Enumerable.Repeat("a.%20", 33)), HttpStatusCode.RequestEntityTooLarge,
            "text: expected at most 32 sentences, found 33.");
        Assert.Equal(32, (await Search(string.Concat(Enumerable.Repeat("a. ", 32)))).Sentences.Length);
        Assert.Equal(["赤"], (await Search("赤")).Sentences);
    }

    private async Task Refused(string address, HttpStatusCode status, string detail)
    {
        using HttpResponseMessage response = await server.Client.GetAsync(address);

        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(detail, (await response.Content.ReadFromJsonAsync<Problem>())!.Detail ?? "");
    }

    [Fact]
    public async Task Images_come_as_their_files_are_and_may_be_kept()
    {
        foreach (Result result in (await Search("The top is red.")).Results)
        {
            using HttpResponseMessage response = await server.Client.GetAsync($"/images/{result.Id}");
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(server.Images.Folder, result.Name)), await response.Content.ReadAsByteArrayAsync());
            Assert.Equal("image/png", response.Content.Headers.ContentType?.MediaType);
            Assert.Equal(TimeSpan.FromDays(365), response.Headers.CacheControl?.MaxAge);

            using HttpRequestMessage again = new(HttpMethod.Get, $"/images/{result.Id}") { Headers = { IfNoneMatch = { response.Headers.ETag! } } };
            using HttpResponseMessage kept = await server.Client.SendAsync(again);
            Assert.Equal(HttpStatusCode.NotModified, kept.StatusCode);
        }

        await Refused("/images/0123456789abcdef", HttpStatusCode.NotFound, "There is no such image.");
        await Refused("/images/..%2Fbroken.png", HttpStatusCode.NotFound, "There is no such image.");
    }

    [Fact]
    public async Task Leaves_out_what_is_no_image_or_there_twice_and_tells_what_it_holds()
    {
        JsonElement about = await server.Client.GetFromJsonAsync<JsonElement>("/about");

        Assert.Equal(16, about.GetProperty("images").GetInt32());
        Assert.Equal(["red", "green", "blue"], about.GetProperty("labels").EnumerateArray().Select(label => label.GetString()));
        Assert.Equal(500, about.GetProperty("maxText").GetInt32());
        Assert.Equal(Server.Example, about.GetProperty("example").GetString());
    }

    [Fact]
    public async Task No_answer_holds_a_path_and_each_says_what_a_page_may_load()
    {
        string id = (await Search("red")).Results[0].Id;
        foreach (string address in (string[])["/", "/page.js", "/page.css", "/about", "/search?text=red", "/search", "/search?text=red&top=x",
            $"/images/{id}", "/images/none", "/classify", "/openapi.json", "/no/such", "/health/ready", "/../himo-web.dll", "/index.html"])
        {
            using HttpResponseMessage response = await server.Client.GetAsync(address);

            string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
            Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self';", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
            string text = await response.Content.ReadAsStringAsync();
            Assert.DoesNotContain(server.Images.Folder, text, StringComparison.Ordinal);
            Assert.DoesNotContain(Path.GetTempPath(), text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_page_is_three_files_that_load_nothing_from_elsewhere()
    {
        using HttpResponseMessage response = await server.Client.GetAsync("/");
        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(CacheControlHeaderValue.Parse("no-cache"), response.Headers.CacheControl);
        string page = await response.Content.ReadAsStringAsync();
        Assert.Contains("<label for=\"text\">", page, StringComparison.Ordinal);
        Assert.Contains("src=\"page.js\"", page, StringComparison.Ordinal);
        Assert.Contains("href=\"page.css\"", page, StringComparison.Ordinal);
        foreach (string text in (string[])[page, await server.Client.GetStringAsync("/page.css"), await server.Client.GetStringAsync("/page.js")])
        {
            Assert.DoesNotContain("http", text.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_document_describes_what_is_there()
    {
        JsonElement document = await server.Client.GetFromJsonAsync<JsonElement>("/openapi.json");
        (string Path, string Method, JsonElement Operation)[] operations = [.. document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(method => (path.Name, method.Name, method.Value)))];

        Assert.Equal(["get /about", "get /images/{id}", "get /search", "post /classify"], operations.Select(o => $"{o.Method} {o.Path}").Order());
        foreach ((string path, string method, JsonElement operation) in operations)
        {
            using HttpRequestMessage request = new(new(method.ToUpperInvariant()), path.Replace("{id}", "none", StringComparison.Ordinal));
            using HttpResponseMessage response = await server.Client.SendAsync(request);
            Assert.Contains(((int)response.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture),
                operation.GetProperty("responses").EnumerateObject().Select(status => status.Name));
            Assert.NotEmpty(operation.GetProperty("summary").GetString()!);
        }

        JsonElement search = operations.Single(o => o.Path == "/search").Operation;
        Assert.Equal(["image", "text", "top"], search.GetProperty("parameters").EnumerateArray().Select(p => p.GetProperty("name").GetString()).Order());
        JsonElement form = operations.Single(o => o.Path == "/classify").Operation.GetProperty("requestBody").GetProperty("content").GetProperty("multipart/form-data");
        Assert.Equal(["image", "labels", "template"], form.GetProperty("schema").GetProperty("properties").EnumerateObject().Select(p => p.Name).Order());
        JsonElement answer = document.GetProperty("components").GetProperty("schemas").GetProperty("SearchResult").GetProperty("properties");
        Assert.Equal(["cosine", "cosines", "id", "name"], answer.EnumerateObject().Select(p => p.Name).Order());
    }
}
