using System.Reflection;
using System.Reflection.Emit;

namespace HiMo.MLNet.Tests;

/// <summary>The instructions of compiled methods.</summary>
internal static class Instructions
{
    private static readonly Dictionary<ushort, OpCode> s_codes = typeof(OpCodes).GetFields()
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => (ushort)code.Value);

    /// <returns>The instructions in their order, with the field, method or type that they name; none for a method without a body.</returns>
    public static IEnumerable<(OpCode Code, MemberInfo? Member)> Of(MethodBase method)
    {
        byte[] il = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        Type[]? ofType = method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        Type[]? ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (int at = 0; at < il.Length;)
        {
            ushort value = il[at++];
            OpCode code = s_codes[value == 0xFE ? (ushort)(0xFE00 | il[at++]) : value];
            bool names = code.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType;
            yield return (code, names ? method.Module.ResolveMember(BitConverter.ToInt32(il, at), ofType, ofMethod) : null);
            at += code.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(il, at)),
                _ => 4,
            };
        }
    }
}
