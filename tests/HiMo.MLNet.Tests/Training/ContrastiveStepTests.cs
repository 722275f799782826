using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Tests.Modeling;
using HiMo.MLNet.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Training;

public sealed class ContrastiveStepTests
{
    public static TheoryData<ContrastiveObjective> Objectives => [new ClipObjective(), new LongClipObjective { ImageComponents = 3 }, new HiMoObjective(), new SmartClipObjective()];

    private static readonly Generator s_generator = new(5);

    // Ten pairs: two captions a pair for Long-CLIP.
    private static ContrastiveBatch Batch(ContrastiveObjective objective) => new(
        randint(0, 256, [10, 3, 32, 32]).to(ScalarType.Byte),
        [.. objective.Needs.Captions(CaptionSampling.Whole).Select((_, i) => randint(1, 1000, [10, 12 - (5 * i)]).to(ScalarType.Int64))],
        Arithmetic.Range(10, CPU));

    private static NetworkReplica Networks(ContrastiveObjective objective)
    {
        var model = new ClipModel(ToyImages.Tiny);
        model.Initialize(s_generator);
        MaskNetwork? masks = objective.Needs.MaskLearningRate is null ? null : new(model.Architecture.TextBlock, model.Architecture.EmbeddingDimension);
        masks?.Initialize(s_generator);
        // Masks begin open; a lower bias closes about half of each.
        if (masks is not null)
        {
            using (no_grad())
            {
                masks.named_parameters().Single(p => p.name == "proj.bias").parameter.zero_();
            }
        }

        return new(model, masks, CPU);
    }

    private static NetworkReplica Copy(NetworkReplica networks, ContrastiveObjective objective)
    {
        NetworkReplica copy = Networks(objective);
        using IDisposable _ = no_grad();
        foreach ((Parameter? from, Parameter? to) in networks.Parameters.Zip(copy.Parameters, (a, b) => (a.Parameter, b.Parameter)))
        {
            to.copy_(from);
        }

        return copy;
    }

    private static Dictionary<string, Tensor> Gradients(IReadOnlyList<NetworkReplica> replicas, ContrastiveObjective objective, ContrastiveBatch batch, int? micro, ScalarType? precision = null)
    {
        foreach ((_, Parameter? parameter, _) in replicas.SelectMany(r => r.Parameters))
        {
            parameter.grad?.zero_();
        }

        new ContrastiveStep(replicas, objective, micro, precision).Backward(batch);
        return replicas[0].Parameters.ToDictionary(p => p.Name, p => p.Parameter.grad?.clone() ?? zeros_like(p.Parameter));
    }

    private static void AssertEqual(Dictionary<string, Tensor> expected, Dictionary<string, Tensor> actual, double share)
    {
        Assert.Contains(expected.Values, gradient => gradient.abs().max().item<float>() > 1e-3);
        foreach ((string name, Tensor gradient) in expected)
        {
            float largest = gradient.abs().max().item<float>(), difference = (gradient - actual[name]).abs().max().item<float>();
            Assert.True(difference <= (share * largest) + 1e-7, $"{name}: {difference} of {largest}");
        }
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void Gradient_caching_equals_the_whole_batch(ContrastiveObjective objective)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        random.manual_seed(5);
        NetworkReplica[] networks = [Networks(objective)];
        ContrastiveBatch batch = Batch(objective);
        Dictionary<string, Tensor> whole = Gradients(networks, objective, batch, null);

        foreach (int micro in (int[])[1, 4, 6])                               // 10 = 6 + 4
        {
            AssertEqual(whole, Gradients(networks, objective, batch, micro), 1e-4);
        }
        // The masks are neither all open nor all closed, and their network learns.
        if (objective is SmartClipObjective)
        {
            (_, Tensor sequence, Tensor end) = networks[0].Clip.EncodeTextSequence(batch.Tokens[0]);
            Assert.InRange(networks[0].Masks!.Mask(sequence, end).mean().item<float>(), 0.05f, 0.95f);
            Assert.Contains(whole, g => g.Key.StartsWith("mask.block", StringComparison.Ordinal) && g.Value.abs().max().item<float>() > 0);
        }
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void Replicas_that_share_a_batch_give_the_gradients_of_one(ContrastiveObjective objective)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        random.manual_seed(6);
        NetworkReplica first = Networks(objective), second = Copy(first, objective);
        ContrastiveBatch batch = Batch(objective);
        Dictionary<string, Tensor> whole = Gradients([first], objective, batch, null);

        AssertEqual(whole, Gradients([first, second], objective, batch, null), 1e-4);
        AssertEqual(whole, Gradients([first, second], objective, batch, 2), 1e-4);
    }

    [Fact]
    public void A_batch_smaller_than_the_replicas_leaves_some_of_them_idle()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        random.manual_seed(6);
        var objective = new ClipObjective();
        NetworkReplica first = Networks(objective);
        ContrastiveBatch all = Batch(objective);
        var two = new ContrastiveBatch(all.Images.narrow(0, 0, 2), [all.Tokens[0].narrow(0, 0, 2)], Arithmetic.Range(2, CPU));

        AssertEqual(Gradients([first], objective, two, null), Gradients([first, Copy(first, objective), Copy(first, objective)], objective, two, null), 1e-4);
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void Half_precision_products_keep_the_gradients_direction(ContrastiveObjective objective)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        random.manual_seed(7);
        NetworkReplica[] networks = [Networks(objective)];
        ContrastiveBatch batch = Batch(objective);
        Tensor All(Dictionary<string, Tensor> gradients) => cat([.. gradients.Where(g => !g.Key.StartsWith("mask.", StringComparison.Ordinal)).Select(g => g.Value.flatten())]);
        Tensor single = All(Gradients(networks, objective, batch, 4)), half = All(Gradients(networks, objective, batch, 4, ScalarType.BFloat16));

        float cosine = ((single * half).sum() / (single.norm() * half.norm())).item<float>();
        Assert.InRange(cosine, 0.98f, 0.999999f);                             // close, and not the same computation
    }

    [Fact]
    public void A_frozen_tower_gets_no_gradient_and_the_other_its_own()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        random.manual_seed(8);
        var objective = new HiMoObjective();
        NetworkReplica[] networks = [Networks(objective)];
        ContrastiveBatch batch = Batch(objective);
        Dictionary<string, Tensor> whole = Gradients(networks, objective, batch, null);
        Freezing.Apply(networks[0].Clip, new HiMoClipOptions { FreezeImageTower = true });

        foreach (int? micro in (int?[])[null, 4])
        {
            Dictionary<string, Tensor> frozen = Gradients(networks, objective, batch, micro);
            Assert.All(frozen.Where(g => g.Key.StartsWith("visual.", StringComparison.Ordinal)), g => Assert.Equal(0, g.Value.abs().max().item<float>()));
            AssertEqual(whole.Where(g => !g.Key.StartsWith("visual.", StringComparison.Ordinal)).ToDictionary(), frozen, 1e-4);
        }
    }

    [Fact]
    public void Batch_norm_learns_its_statistics_from_one_pass_a_step()
    {
        using DisposeScope scope = NewDisposeScope();
        random.manual_seed(9);
        var objective = new ClipObjective();
        ContrastiveBatch batch = Batch(objective);
        NetworkReplica Network()
        {
            var model = new ClipModel(new ClipArchitecture(64, 32, [1, 1, 1, 1], 8, null, 64, 1));
            using var generator = new Generator(5);
            model.Initialize(generator);
            model.train();
            return new(model, null, CPU);
        }

        NetworkReplica network = Network(), expected = Network();
        new ContrastiveStep([network], objective, 5).Backward(batch);
        using (no_grad())
        {
            foreach (int start in (int[])[0, 5])
            {
                expected.Clip.EncodeImage(ImageTensor.Normalize(batch.Images.narrow(0, start, 5)));
            }
        }

        foreach (((string name, Tensor buffer), (_, Tensor other)) in expected.Clip.named_buffers().Zip(network.Clip.named_buffers()))
        {
            Closeness.Within(1e-5, buffer.to(ScalarType.Float32), other.to(ScalarType.Float32), name);
        }
    }
}
