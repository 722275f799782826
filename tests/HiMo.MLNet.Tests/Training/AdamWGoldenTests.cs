using System.Globalization;
using HiMo.MLNet.Tests.Modeling;
using HiMo.MLNet.Training;
using TorchSharp;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace HiMo.MLNet.Tests.Training;

/// <summary>The optimiser alone, over enough steps for weight decay to show: <c>tests/regenerate/optimizer.py</c> makes the file.</summary>
[Trait("Category", "Fidelity")]
public sealed class AdamWGoldenTests
{
    private const int Steps = 40, Warmup = 8;
    private const double Rate = 1e-2;

    private static readonly Dictionary<string, (long[] Shape, float[] Values)> s_golden =
        GoldenFile.Read("optimizer.expected.safetensors");

    private static Tensor Golden(string name) => tensor(s_golden[name].Values).reshape(s_golden[name].Shape);

    [Theory]
    [InlineData("0")]
    [InlineData("0.01")]
    [InlineData("1")]
    public void Forty_steps_under_the_schedule_are_those_of_PyTorch(string decay)
    {
        using DisposeScope scope = NewDisposeScope();
        string[] names = ["weight", "bias", "scale", "unreached", "mask"];
        Dictionary<string, Parameter> parameters = names.ToDictionary(name => name, name => nn.Parameter(Golden($"start.{name}")));
        Dictionary<string, Tensor> gradients = names.ToDictionary(name => name, name => Golden($"gradients.{name}"));
        var schedule = new LearningRateSchedule(1, Warmup, Steps);
        using var optimizer = new AdamW(
            parameters.Select(p => (p.Key, p.Value, p.Key == "mask" ? 10 * Rate : Rate)), double.Parse(decay, CultureInfo.InvariantCulture));
        for (int step = 0; step < Steps; step++)
        {
            optimizer.ZeroGradients();
            foreach ((string name, Parameter parameter) in parameters)
            {
                parameter.grad!.copy_(gradients[name][step]);
            }

            optimizer.Step(schedule.At(step));
            if (step + 1 is 1 or 5 or 10 or 20 or Steps)
            {
                Assert.All(parameters, p => Closeness.Within(2e-6, Golden($"decay_{decay}.after{step + 1}.{p.Key}"), p.Value,
                    $"{p.Key} after step {step + 1}", $"optimizer: parameters over 40 AdamW steps, weight decay {decay}"));
            }
        }
    }

    [Fact]
    public void The_schedule_is_that_of_the_training_scripts()
    {
        using DisposeScope scope = NewDisposeScope();
        var schedule = new LearningRateSchedule(1, Warmup, Steps);
        Closeness.Within(1e-7, Golden("schedule"), tensor(Enumerable.Range(0, Steps).Select(schedule.At).ToArray()), "factors",
            "schedule: warm-up and cosine");
    }

    [Fact]
    public void Weight_decay_is_decoupled_and_follows_the_rate()
    {
        // Loshchilov and Hutter's algorithm 2. Where every gradient is the same, both averages are, once corrected, the gradient
        // and its square: a step takes rate · λ of the parameter away, and the rate in the gradient's direction, whatever its size.
        using DisposeScope scope = NewDisposeScope();
        Parameter parameter = nn.Parameter(tensor([1f, 1f, 1f]));
        using var optimizer = new AdamW([("parameter", parameter, 0.2)], weightDecay: 0.5);
        void Step(double factor)
        {
            parameter.grad = tensor([3f, -0.01f, 0f]);
            optimizer.Step(factor);
        }

        Step(factor: 1);                                                      // 1 · 0.9 ∓ 0.2
        Assert.Equal([0.7f, 1.1f, 0.9f], parameter.data<float>(), Close);

        Step(factor: 1);                                                      // 0.63 − 0.2, 0.99 + 0.2, 0.81
        Assert.Equal([0.43f, 1.19f, 0.81f], parameter.data<float>(), Close);

        Step(factor: 0.5);                                                    // · 0.95 ∓ 0.1
        Assert.Equal([0.3085f, 1.2305f, 0.7695f], parameter.data<float>(), Close);

        Step(factor: 0);
        Assert.Equal([0.3085f, 1.2305f, 0.7695f], parameter.data<float>(), Close);

        static bool Close(float a, float b) => Math.Abs(a - b) < 1e-5f;
    }
}
