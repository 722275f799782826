namespace HiMo.MLNet.Cli;

/// <summary>A checkpoint that has a name here: one file with its hash, or a repository of a hub, which tells the hashes.</summary>
/// <param name="Name">What one types.</param>
/// <param name="Path">Of the file on OpenAI's server; or null.</param>
/// <param name="Repository">On the hub, <c>OWNER/REPO</c>; or null.</param>
internal sealed record PublishedModel(string Name, string? Path, string? Repository)
{
    public const string OpenAIServer = "https://openaipublic.azureedge.net";

    // OpenAI's names of files and the SHA-256 that is a folder of their addresses: clip/clip.py of github.com/openai/CLIP.
    // The repositories: the READMEs of github.com/beichenzbc/Long-CLIP and github.com/UnicomAI/HiMo-CLIP.
    public static IReadOnlyList<PublishedModel> All { get; } =
    [
        OpenAI("RN50", "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"),
        OpenAI("RN101", "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599"),
        OpenAI("RN50x4", "7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd"),
        OpenAI("RN50x16", "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa"),
        OpenAI("RN50x64", "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c"),
        OpenAI("ViT-B-32", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"),
        OpenAI("ViT-B-16", "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"),
        OpenAI("ViT-L-14", "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"),
        OpenAI("ViT-L-14-336px", "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"),
        new("longclip-B", null, "BeichenZhang/LongCLIP-B"),
        new("longclip-L", null, "BeichenZhang/LongCLIP-L"),
        new("HiMo-CLIP", null, "5RJ/HiMo-CLIP"),
    ];

    /// <summary>SHA-256 of the file; null for a repository.</summary>
    public string? Sha256 => Path?.Split('/')[^2];

    private static PublishedModel OpenAI(string name, string sha256) => new(name, $"clip/models/{sha256}/{name}.pt", null);
}
