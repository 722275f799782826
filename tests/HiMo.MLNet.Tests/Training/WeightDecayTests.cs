using HiMo.MLNet.Modeling;
using Microsoft.ML;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Training;

public sealed class WeightDecayTests : IDisposable
{
    private const double Rate = 1e-3, Decay = 100;

    private readonly ToyImages _images = new();

    public void Dispose() => _images.Dispose();

    [Fact]
    public void A_step_takes_the_same_share_of_every_trained_parameter_and_nothing_of_a_frozen_one()
    {
        string checkpoint = CheckpointWithoutZeros();
        Dictionary<string, float[]> start = Read(checkpoint), plain = Trained(checkpoint, 0), decayed = Trained(checkpoint, Decay);

        // Biases, norms and the logit scale, too, and the tokens that no caption has.
        Assert.Contains("logit_scale", start.Keys);
        Assert.Contains("visual.ln_post.bias", start.Keys);
        Assert.All(start, tensor =>
        {
            double share = tensor.Key == "positional_embedding" ? 0 : Rate * Decay;
            for (int i = 0; i < tensor.Value.Length; i++)
            {
                Assert.Equal(share * tensor.Value[i], plain[tensor.Key][i] - decayed[tensor.Key][i], 1e-5);
            }
        });
        Assert.Equal(start["positional_embedding"], decayed["positional_embedding"]);
    }

    private Dictionary<string, float[]> Trained(string checkpoint, double decay)
    {
        HiMoClipOptions options = ToyImages.Options();
        (options.Checkpoint, options.FreezeFirstPositions) = (checkpoint, true);
        (options.MaxSteps, options.WarmupSteps, options.LearningRate, options.WeightDecay) = (1, 0, Rate, decay);
        using HiMoClipTransformer model = _images.Train(new MLContext(seed: 4), options);
        string path = Path.Combine(_images.Folder, "trained.safetensors");
        model.SaveCheckpoint(path);
        return Read(path);
    }

    private static Dictionary<string, float[]> Read(string path) => GoldenFile.Read(path).ToDictionary(t => t.Key, t => t.Value.Values);

    // New networks have biases of 0, of which nothing can be taken.
    private string CheckpointWithoutZeros()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        using var model = new ClipModel(ToyImages.Tiny);
        using var generator = new Generator(11);
        model.Initialize(generator);
        foreach (Tensor weights in ClipWeights.Tensors(model).Values)
        {
            Arithmetic.Add(weights, ones_like(weights), 0.1);
        }

        string path = Path.Combine(_images.Folder, "start.safetensors");
        using FileStream file = File.Create(path);
        ClipWeights.Save(model, file);
        return path;
    }
}
