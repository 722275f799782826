namespace HiMo.MLNet.Checkpoints;

/// <summary>What a file may ask for before it is refused; far above any CLIP checkpoint, far below harm.</summary>
internal static class CheckpointLimits
{
    /// <summary>Tensors in one checkpoint, and entries in one archive.</summary>
    internal const int Tensors = 100_000;

    /// <summary>Characters of a tensor's name.</summary>
    internal const int NameLength = 1_024;

    /// <summary>Dimensions of a tensor.</summary>
    internal const int Dimensions = 16;

    /// <summary>Bytes of a safetensors header; the limit of the reference implementation.</summary>
    internal const int HeaderBytes = 100_000_000;

    /// <summary>Bytes of one tensor read from a stream whose length is not known.</summary>
    internal const long StreamedTensorBytes = 8L << 30;

    /// <summary>Bytes of a pickle after decompression.</summary>
    internal const int PickleBytes = 64 << 20;

    /// <summary>Decompressed bytes per compressed byte; the pickles of state dicts reach 3 to 4.</summary>
    internal const int ExpansionRatio = 200;

    /// <summary>Instructions of a pickle; 36 a tensor, so about 65,000 for a ViT-L/14 with its optimizer's state.</summary>
    internal const int PickleInstructions = 2_000_000;

    /// <summary>Bytes of one string in a pickle.</summary>
    internal const int PickleStringBytes = 1 << 20;

    /// <summary>Modules inside modules.</summary>
    internal const int ModuleDepth = 64;

    /// <summary>Bytes of an index of shards.</summary>
    internal const int IndexBytes = 16 << 20;

    /// <summary>Files of a sharded checkpoint.</summary>
    internal const int Shards = 1_000;
}
