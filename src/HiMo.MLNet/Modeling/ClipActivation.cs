using System.Text.Json.Serialization;

namespace HiMo.MLNet;

/// <summary>
/// What the blocks of a CLIP model's transformers compute inside. Weights do not tell which: with the wrong one, embeddings are
/// wrong and nothing else shows it.
/// </summary>
[JsonConverter(typeof(JsonStringEnumConverter<ClipActivation>))]
public enum ClipActivation
{
    /// <summary>x · σ(1.702 x): OpenAI's CLIP, and what was fine-tuned from it, as Long-CLIP and HiMo-CLIP.</summary>
    QuickGelu,

    /// <summary>x · Φ(x), with the error function: open_clip's own trainings, unless their name says <c>quickgelu</c>.</summary>
    Gelu,
}
