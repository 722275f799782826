using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Training;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Training;

public sealed class ContrastiveStepTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(6)]                                                           // 10 = 6 + 4
    public void Gradient_caching_equals_the_whole_batch(int microBatch)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        ClipArchitecture architecture = ToyPictures.Tiny;
        var model = new ClipModel(architecture);
        model.Initialize();
        Tensor images = randint(0, 256, [10, 3, 32, 32]).to(ScalarType.Byte), tokens = randint(1, 1000, [10, 12]).to(ScalarType.Int64);

        Dictionary<string, Tensor> Gradients(int? micro)
        {
            model.zero_grad();
            new ContrastiveStep(model, new HiMoObjective(0.9, 1, 0.1, GradientPaths.Full), micro).Backward(images, tokens);
            return model.named_parameters().ToDictionary(p => p.name, p => p.parameter.grad?.clone() ?? zeros_like(p.parameter));
        }

        Dictionary<string, Tensor> whole = Gradients(null), cached = Gradients(microBatch);

        foreach ((string name, Tensor gradient) in whole)
        {
            float largest = gradient.abs().max().item<float>(), difference = (gradient - cached[name]).abs().max().item<float>();
            Assert.True(difference <= (1e-4 * largest) + 1e-7, $"{name}: {difference} of {largest}");
        }
    }
}
