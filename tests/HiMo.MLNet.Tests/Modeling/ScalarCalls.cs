using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using TorchSharp;

namespace HiMo.MLNet.Tests.Modeling;

/// <summary>Finds, in compiled code, calls that end in the making of a <see cref="Scalar"/>, also deep inside TorchSharp.</summary>
/// <remarks>Overrides are not followed: which one a virtual call reaches is not known before it runs.</remarks>
internal static class ScalarCalls
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<(Module, int), string?> s_known = [];

    /// <returns>The types with such calls, and the calls.</returns>
    public static IEnumerable<(Type Caller, string Call)> Of(Assembly assembly) =>
        from type in assembly.GetTypes()
        from method in Methods(type)
        from callee in Calls(method)
        let path = PathToScalar(callee)
        where path is not null
        select (type, $"{type}.{method.Name} → {path}");

    private static IEnumerable<MethodBase> Methods(Type type) => type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared));

    private static string? PathToScalar(MethodBase method)
    {
        if (method.DeclaringType == typeof(ScalarExtensionMethods) || (method.DeclaringType == typeof(Scalar) && method.Name is "op_Implicit" or ".ctor"))
        {
            return method.Name;
        }

        if (method.DeclaringType?.Assembly != typeof(Scalar).Assembly)
        {
            return null;
        }

        if (!s_known.TryGetValue((method.Module, method.MetadataToken), out string? path))
        {
            s_known[(method.Module, method.MetadataToken)] = null;            // ends recursion
            string? rest = Calls(method).Select(PathToScalar).FirstOrDefault(p => p is not null);
            path = rest is null ? null : $"{method.DeclaringType.Name}.{method.Name} → {rest}";
            s_known[(method.Module, method.MetadataToken)] = path;
        }

        return path;
    }

    // What a method's code mentions: calls, delegates, and all of an iterator or closure that it makes.
    private static IEnumerable<MethodBase> Calls(MethodBase method)
    {
        IEnumerable<MethodBase> callees = Instructions.Of(method)
            .Where(i => i.Code.OperandType == OperandType.InlineMethod).Select(i => (MethodBase)i.Member!);
        foreach (MethodBase callee in callees)
        {
            yield return callee;
            if (callee is ConstructorInfo { DeclaringType: { IsNested: true } made } && made.IsDefined(typeof(CompilerGeneratedAttribute)))
            {
                foreach (MethodBase part in Methods(made))
                {
                    yield return part;
                }
            }
        }
    }
}
