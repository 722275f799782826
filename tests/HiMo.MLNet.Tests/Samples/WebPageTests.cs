using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using PuppeteerSharp;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The page of the web sample in a browser, by keyboard alone.</summary>
public sealed class WebPageTests(WebSearchTests.Server server, WebPageTests.Browser browser)
    : IClassFixture<WebSearchTests.Server>, IClassFixture<WebPageTests.Browser>, IAsyncLifetime
{
    /// <summary>One for all tests; each has a page of its own.</summary>
    public sealed class Browser : IAsyncLifetime
    {
        private IBrowser? _browser;

        public async Task InitializeAsync() => _browser = FactWithChromiumAttribute.Program is not { } program ? null
            : await Puppeteer.LaunchAsync(new LaunchOptions
            {
                ExecutablePath = program,
                Timeout = 0,
                Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            });

        public Task<IPage> NewPageAsync() => _browser!.NewPageAsync();

        public async Task DisposeAsync()
        {
            if (_browser is not null)
            {
                await _browser.DisposeAsync();
            }
        }
    }

    private readonly ConcurrentQueue<string> _errors = [];
    private IPage _page = null!;

    // Of the tests that are not skipped alone.
    public async Task InitializeAsync()
    {
        _page = await browser.NewPageAsync();
        _page.DefaultTimeout = 120_000;
        _page.Console += (_, message) =>
        {
            if (message.Message.Type == ConsoleType.Error)
            {
                _errors.Enqueue(message.Message.Text);
            }
        };
        _page.PageError += (_, error) => _errors.Enqueue(error.Message);
        await _page.GoToAsync(server.Address);
        await _page.WaitForSelectorAsync("body[data-ready]");
    }

    public Task DisposeAsync() => _page.CloseAsync();

    private Task Press(params string[] keys) => keys.Aggregate(Task.CompletedTask, async (before, key) =>
    {
        await before;
        await _page.Keyboard.PressAsync(key);
    });

    private Task Type(string text) => _page.Keyboard.TypeAsync(text);

    private Task<T> Value<T>(string expression) => _page.EvaluateExpressionAsync<T>(expression);

    private Task Until(string condition) => _page.WaitForExpressionAsync(condition);

    private Task<string> Focus() => Value<string>("document.activeElement.id");

    private Task Shown(string sentence) => Until($"document.querySelector('#numbers tr:last-child th')?.textContent === '{sentence}'");

    private const string Options = "document.querySelectorAll('#results [role=option]')";

    private string[] Ranked(string text) =>
        [.. server.Embeddings.OrderByDescending(image => ClipEmbedder.Similarity(image.Value, server.Model.EmbedText(text))).Select(image => image.Key)];

    private Task<string[]> Names() => Value<string[]>($"[...{Options}].map(option => option.querySelector('.name').textContent)");

    [FactWithChromium]
    public async Task Searches_while_a_text_grows_and_pins_an_image()
    {
        const string two = "Two colours. The top is red.", three = two + " The bottom is blue.";
        await Press("Tab", "Tab");
        Assert.Equal("text", await Focus());
        await Type(two);
        await Shown("2. The top is red.");
        Assert.Equal(Ranked(two), await Names());

        await Type(" The bottom is blue.");
        await Shown("3. The bottom is blue.");
        string[] ranked = Ranked(three);
        Assert.Equal(ranked, await Names());
        Assert.Equal(ranked[0], await Value<string>("document.getElementById('tracked-heading').textContent"));
        Assert.StartsWith($"Best: {ranked[0]}, similarity ", await Value<string>("document.getElementById('search-status').textContent"), StringComparison.Ordinal);
        Assert.Equal(3, await Value<int>("document.querySelectorAll('#chart circle').length"));
        Assert.Equal(3, await Value<int>("document.getElementById('chart-description').textContent.split('; ').length"));

        await Press("ArrowDown", "ArrowRight", "Enter");
        Assert.Equal((bool[])[false, true], await Value<bool[]>($"[...{Options}].slice(0, 2).map(option => option.ariaSelected === 'true')"));
        Assert.Equal($"{ranked[1]} (pinned)", await Value<string>("document.getElementById('tracked-heading').textContent"));
        await Press("End");
        Assert.Equal(ranked[^1], await Value<string>("document.activeElement.querySelector('.name').textContent"));

        await Press("Escape");
        Assert.Equal("text", await Focus());
        Assert.Equal(ranked[0], await Value<string>("document.getElementById('tracked-heading').textContent"));
        await Press("Escape");
        Assert.True(await Value<bool>("document.getElementById('found').hidden && document.getElementById('text').value === ''"));
        Assert.Empty(_errors);
    }

    [FactWithChromium]
    public async Task An_answer_that_is_overtaken_is_not_shown()
    {
        var held = new TaskCompletionSource<IRequest>();
        await _page.SetRequestInterceptionAsync(true);
        _page.Request += async (_, request) =>
        {
            if (!request.Request.Url.Contains("/search?", StringComparison.Ordinal) || !held.TrySetResult(request.Request))
            {
                await request.Request.ContinueAsync();
            }
        };
        var aborted = new TaskCompletionSource<string>();
        _page.RequestFailed += (_, request) => aborted.TrySetResult(request.Request.Url);
        await Press("Tab", "Tab");
        await Type("Red.");
        IRequest first = await held.Task;

        await Type(" Blue.");
        await Shown("2. Blue.");

        Assert.Equal(first.Url, await aborted.Task.WaitAsync(TimeSpan.FromMinutes(2)));
        Assert.Equal(Ranked("Red. Blue."), await Names());
        Assert.Empty(_errors);
    }

    [FactWithChromium]
    public async Task Classifies_an_image_against_labels_that_are_edited()
    {
        string image = server.Images.Rows[5].ImagePath;
        await Press("Tab", "ArrowRight");
        Assert.Equal("classify-tab", await Focus());
        await Press("Tab");
        Assert.Equal("file", await Focus());
        Task<FileChooser> choosing = _page.WaitForFileChooserAsync();
        while (!choosing.IsCompleted)                                         // a dialog that opens before it is waited for is lost
        {
            await Press("Enter");
            await Task.WhenAny(choosing, Task.Delay(TimeSpan.FromSeconds(5)));
        }

        await (await choosing).AcceptAsync(image);
        await Until("document.querySelectorAll('#bars li').length === 3");
        Assert.StartsWith(server.Model.SavedClassifier!.Classify(image).Label!, await Value<string>("document.getElementById('classify-status').textContent"), StringComparison.Ordinal);

        await Press("Tab");
        Assert.Equal("labels", await Focus());
        await _page.Keyboard.DownAsync("Control");
        await Press("a");
        await _page.Keyboard.UpAsync("Control");
        await Type("yellow, black");
        await Press("Tab");
        await Type("a photo of {0}.");
        await Press("Enter");

        ClipPrediction expected = server.Model.CreateClassifier(["yellow", "black"], ["a photo of {0}."]).Classify(image);
        string status = FormattableString.Invariant($"{expected.Label}: {100 * expected.Probabilities.Max():0.#}%");
        await Until($"document.getElementById('classify-status').textContent === '{status}'");
        Assert.Equal(2, await Value<int>("document.querySelectorAll('#bars li').length"));
        Assert.Empty(_errors);
    }

    [FactWithChromium]
    public async Task Takes_images_that_are_pasted_or_dropped()
    {
        JsonElement found = await server.Client.GetFromJsonAsync<JsonElement>("/search?text=red&top=2");
        foreach ((JsonElement result, string transfer) in found.GetProperty("results").EnumerateArray().Zip(
            ["new ClipboardEvent('paste', { clipboardData: data })", "new DragEvent('drop', { dataTransfer: data })"]))
        {
            ClipPrediction expected = server.Model.SavedClassifier!.Classify(server.Embeddings[result.GetProperty("name").GetString()!]);
            string status = FormattableString.Invariant($"{expected.Label}: {100 * expected.Probabilities.Max():0.#}%");

            await _page.EvaluateFunctionAsync($$"""
                async address => {
                    const data = new DataTransfer();
                    data.items.add(new File([await (await fetch(address)).blob()], 'toy.png', { type: 'image/png' }));
                    document.dispatchEvent({{transfer}});
                }
                """, $"images/{result.GetProperty("id").GetString()}");

            await Until($"document.getElementById('classify-status').textContent === '{status}'");
            Assert.True(await Value<bool>("document.getElementById('search-panel').hidden && !document.getElementById('preview').hidden"));
        }

        Assert.Empty(_errors);
    }

    [FactWithChromium]
    public async Task What_the_server_refuses_is_told()
    {
        await Press("Tab", "Tab");
        await Type(string.Concat(Enumerable.Repeat("a. ", 33)));
        await Press("Enter");

        await Until("document.getElementById('search-status').textContent === 'text: expected at most 32 sentences, found 33.'");
        Assert.True(await Value<bool>("document.getElementById('search-status').classList.contains('wrong')"));
    }

    [FactWithChromium]
    public async Task Fits_narrow_screens_and_follows_the_colours_of_the_system()
    {
        await _page.SetViewportAsync(new ViewPortOptions { Width = 320, Height = 640 });
        await Press("Tab", "Tab");
        await Type("Two colours. The top is red.");
        await Shown("2. The top is red.");
        Assert.Equal(320, await Value<int>("document.documentElement.scrollWidth"));
        Assert.Equal("solid", await Value<string>("getComputedStyle(document.activeElement).outlineStyle"));

        async Task<int> Brightness(string scheme)
        {
            await _page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = scheme }]);
            return await Value<int>("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])");
        }

        Assert.InRange(await Brightness("light"), 200, 255);
        Assert.InRange(await Brightness("dark"), 0, 60);
        Assert.Empty(_errors);
    }
}
