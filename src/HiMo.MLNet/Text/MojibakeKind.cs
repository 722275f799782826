namespace HiMo.MLNet.Text;

/// <summary>Kinds of characters, for <see cref="MojibakeSigns"/>.</summary>
[Flags]
internal enum MojibakeKind
{
    None = 0,
    Common = 1,
    Control = 1 << 1, // C1, U+0080 to U+009F
    Bad = 1 << 2, // hardly ever meant
    Law = 1 << 3,
    Currency = 1 << 4,
    Opening = 1 << 5,
    Closing = 1 << 6,
    Numeric = 1 << 7,
    Face = 1 << 8, // letters of which faces are made
    Upper = 1 << 9, // with an accent
    Lower = 1 << 10,
    UpperCommon = 1 << 11, // Greek and Cyrillic
    LowerCommon = 1 << 12,
    Box = 1 << 13,
    SmallLatin = 1 << 14, // a to z
    CapitalLatin = 1 << 15,
    Space = 1 << 16,
    Word = 1 << 17, // letters, numbers and the underscore
    Degree = 1 << 18,
    Leads = 1 << 19, // begins a sequence
}
