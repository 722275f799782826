extern alias MLNetStub;

using HiMo.MLNet;
using MLNetStub::Microsoft.ML;

// With this, plain mlContext.Model.Load finds the transformer in any application that carries this assembly.
[assembly: LoadableClass(typeof(HiMoClipTransformer), null, typeof(SignatureLoadModel), "HiMo-CLIP", HiMoClipTransformer.LoaderSignature)]

// The runtime drops attributes of inaccessible types unless the assembly is named here.
[assembly: System.Runtime.CompilerServices.IgnoresAccessChecksTo("Microsoft.ML.Core")]
