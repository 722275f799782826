using System.Globalization;
using HiMo.MLNet.Modeling;
using TorchSharp.Modules;

namespace HiMo.MLNet.Training;

/// <summary>Which parameters training leaves as they are.</summary>
internal static class Freezing
{
    /// <param name="model">The model.</param>
    /// <param name="options">What to freeze.</param>
    /// <param name="stretched">Whether the model is a 77-token CLIP, whose positions were stretched.</param>
    /// <exception cref="ArgumentOutOfRangeException">More blocks are to be frozen than there are; the message names the option.</exception>
    public static void Apply(ClipModel model, TrainingOptions options, bool stretched = false)
    {
        ClipArchitecture architecture = model.Architecture;
        int imageBlocks = architecture.IsVisionTransformer ? architecture.VisionLayers[0] : architecture.VisionLayers.Count;
        Check(options.FrozenImageBlocks, imageBlocks, nameof(TrainingOptions.FrozenImageBlocks));
        Check(options.FrozenTextBlocks, architecture.TextLayers, nameof(TrainingOptions.FrozenTextBlocks));
        foreach ((string name, Parameter parameter) in model.named_parameters())
        {
            parameter.requires_grad = !(IsFrozen(name, options, architecture.IsVisionTransformer)
                || (name == "positional_embedding" && (options.FreezeFirstPositions ?? stretched)));
        }
    }

    private static void Check(int frozen, int blocks, string option)
    {
        if (frozen > blocks)
        {
            throw new ArgumentOutOfRangeException(option, frozen,
                $"{nameof(HiMoClipOptions)}.{option} must be at most {blocks}, the blocks of the tower; it is {frozen}.");
        }
    }

    private static bool IsFrozen(string name, TrainingOptions options, bool isVisionTransformer)
    {
        if (name == "logit_scale")
        {
            return false;
        }

        if (!ContrastiveStep.IsImageTower(name))
        {
            return options.FreezeTextTower || (options.FrozenTextBlocks > 0
                && (Block(name, "transformer.resblocks.") is { } b ? b < options.FrozenTextBlocks
                    : name.StartsWith("token_", StringComparison.Ordinal) || name.StartsWith("positional_", StringComparison.Ordinal)));
        }

        if (options.FreezeImageTower)
        {
            return true;
        }

        string inside = name["visual.".Length..];
        if (options.FrozenImageBlocks == 0)
        {
            return false;
        }
        // What comes before the blocks is frozen with the first of them.
        return isVisionTransformer
            ? Block(inside, "transformer.resblocks.") is { } block ? block < options.FrozenImageBlocks
                : !inside.StartsWith("ln_post", StringComparison.Ordinal) && inside != "proj"
            : Block(inside, "layer") is { } stage ? stage <= options.FrozenImageBlocks
                : !inside.StartsWith("attnpool", StringComparison.Ordinal);
    }

    private static int? Block(string name, string prefix) =>
        name.StartsWith(prefix, StringComparison.Ordinal) ? int.Parse(name[prefix.Length..].Split('.')[0], CultureInfo.InvariantCulture)
            : null;
}
