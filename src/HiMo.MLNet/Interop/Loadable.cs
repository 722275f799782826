extern alias MLNetStub;

using HiMo.MLNet;
using MLNetStub::Microsoft.ML;

// With these, plain mlContext.Model.Load finds the transformers in any application that carries this assembly.
[assembly: LoadableClass(typeof(HiMoClipTransformer), null, typeof(SignatureLoadModel), "HiMo-CLIP", HiMoClipTransformer.LoaderSignature)]
[assembly: LoadableClass(typeof(HiMoClipImageSearchTransformer), null, typeof(SignatureLoadModel), "HiMo-CLIP image search",
HiMoClipImageSearchTransformer.LoaderSignature)]

// The runtime drops attributes of inaccessible types unless the assembly is named here.
[assembly: System.Runtime.CompilerServices.IgnoresAccessChecksTo("Microsoft.ML.Core")]
