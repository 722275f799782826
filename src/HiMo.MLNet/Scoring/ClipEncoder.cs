using System.Security.Cryptography;
using HiMo.MLNet.Images;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Scoring;

/// <summary>
/// A trained model ready to embed: pictures and texts in, normalised embeddings out. Safe for concurrent calls; shared by
/// transformers, and freed with the last of them, or at the end of the last call.
/// </summary>
/// <param name="model">The networks.</param>
/// <param name="tokenizer">Cuts texts into tokens.</param>
/// <param name="device">Where the networks are.</param>
/// <param name="source">The model's file, for errors.</param>
internal sealed class ClipEncoder(ClipModel model, ClipTokenizer tokenizer, Device device, string source) : IDisposable
{
    private readonly ClipPreprocessor _preprocessor = new(model.Architecture.ImageSize);
    private readonly Lazy<string> _fingerprint = new(() => Fingerprint(model, tokenizer));
    private int _owners = 1;

    public ClipModel Model => model;

    public ClipTokenizer Tokenizer => tokenizer;

    public Device Device => device;

    /// <summary>d</summary>
    public int Dimension => model.Architecture.EmbeddingDimension;

    /// <summary>s, the scale of the logits.</summary>
    public float LogitScale
    {
        get
        {
            using ClipEncoder held = Share();
            using DisposeScope scope = NewDisposeScope();
            using IDisposable _ = no_grad();
            return model.LogitScale.exp().item<float>();
        }
    }

    /// <summary>SHA-256 of the weights and the vocabulary, 64 hexadecimal digits: models with the same one embed alike.</summary>
    public string WeightsHash
    {
        get
        {
            using ClipEncoder held = Share();
            return _fingerprint.Value;
        }
    }

    private static string Fingerprint(ClipModel model, ClipTokenizer tokenizer)
    {
        using var hash = SHA256.Create();
        using (var stream = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write))
        {
            tokenizer.WriteMerges(stream);
            ClipWeights.Save(model, stream);
        }
        return Convert.ToHexStringLower(hash.Hash!);
    }

    /// <summary>Pictures can be embedded with any vocabulary, texts only with the one that the model was trained with.</summary>
    /// <exception cref="CheckpointFormatException">The model's vocabulary is not the tokenizer's.</exception>
    public void CheckVocabulary()
    {
        if (tokenizer.VocabularySize != model.Architecture.VocabularySize)
        {
            throw new CheckpointFormatException(
                $"{source}: texts cannot be encoded: expected CLIP's vocabulary of {tokenizer.VocabularySize} tokens, found {model.Architecture.VocabularySize} tokens.");
        }
    }

    /// <summary>One share more; every share is given back by disposing of it.</summary>
    /// <exception cref="ObjectDisposedException">The model is freed.</exception>
    public ClipEncoder Share()
    {
        for (int owners = _owners; ; owners = _owners)
        {
            ObjectDisposedException.ThrowIf(owners <= 0, typeof(HiMoClipTransformer));
            if (Interlocked.CompareExchange(ref _owners, owners + 1, owners) == owners)
            {
                return this;
            }
        }
    }

    /// <summary>Gives a share back.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _owners) == 0)
        {
            model.Dispose();
        }
    }

    /// <returns>Row-major (count, d), normalised.</returns>
    public float[] EncodeImages(IReadOnlyList<RgbImage> images)
    {
        using ClipEncoder held = Share();
        int size = model.Architecture.ImageSize;
        byte[] pixels = new byte[images.Count * _preprocessor.Length];
        ParallelLoop.For(images.Count, i => _preprocessor.Process(images[i], pixels.AsSpan(i * _preprocessor.Length, _preprocessor.Length)));
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        Tensor bytes = tensor(pixels, images.Count, 3, size, size, dtype: ScalarType.Byte).to(device);
        return Normalized(model.EncodeImage(ImageTensor.Normalize(bytes)));
    }

    /// <returns>Row-major (count, d), normalised.</returns>
    /// <exception cref="CheckpointFormatException">The model's vocabulary is not the tokenizer's.</exception>
    public float[] EncodeTexts(IReadOnlyList<string> texts)
    {
        CheckVocabulary();
        using ClipEncoder held = Share();
        int context = model.Architecture.ContextLength, longest = 0;
        long[] tokens = new long[texts.Count * context];
        for (int i = 0; i < texts.Count; i++)
        {
            longest = Math.Max(longest, tokenizer.Encode(texts[i], tokens.AsSpan(i * context, context)));
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        return Normalized(model.EncodeText(tensor(tokens, texts.Count, context).narrow(1, 0, longest).to(device)));
    }

    private static float[] Normalized(Tensor embeddings) =>
        nn.functional.normalize(embeddings, dim: 1).cpu().data<float>().ToArray();
}
