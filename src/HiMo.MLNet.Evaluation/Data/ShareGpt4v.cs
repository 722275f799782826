using System.Text.Json;

namespace HiMo.MLNet.Data;

/// <summary>ShareGPT4V: one JSON array of <c>{image, conversations: [{from, value}, {from, value}]}</c>, streamed; the answer is the
/// caption.</summary>
internal static class ShareGpt4v
{
    public static IEnumerable<CaptionedImage> Read(DataRoot root, string file)
    {
        foreach ((JsonElement row, SourceLocation source) in JsonArrayReader.Read(file))
        {
            string image = row.GetText("image", source);
            JsonElement conversations = row.Get("conversations", JsonValueKind.Array, source);
            if (conversations.GetArrayLength() < 2)
            {
                throw source.Error($"expected a question and an answer in 'conversations', found {conversations.GetArrayLength()} turns.");
            }

            string caption = conversations[1].GetText("value", source).ReplaceLineEndings(" ");
            yield return new CaptionedImage(root.Resolve(image, source), [caption], source);
        }
    }
}
