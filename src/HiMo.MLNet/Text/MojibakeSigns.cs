using System.Buffers;
using System.Text;

namespace HiMo.MLNet.Text;

/// <summary>Does a text look as if it had been read in the wrong encoding? The judgement of ftfy 6.3.</summary>
/// <remarks>
/// The few hundred characters that UTF-8 turns into when a one-byte encoding reads it fall into kinds; some kinds do not
/// follow one another in text that is meant so: no currency sign comes right behind a small letter with an accent.
/// </remarks>
internal static class MojibakeSigns
{
    [Flags]
    private enum Kind
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

    private const Kind AnyAccent = Kind.Lower | Kind.Upper;
    private const Kind Sign = Kind.Box | Kind.Opening | Kind.Closing | Kind.Currency | Kind.Numeric | Kind.Law;

    private static readonly (Kind Kind, string Characters)[] s_characters =
    [
        (Kind.Common, "\u00A0\u00AD·´–—―…’"),
        (Kind.Bad, "¤¦¨ª¬¯¸ºƒˆˇ˘˛˜†‡‰⌐◊\uFFFD"),
        (Kind.Law, "¶§"),
        (Kind.Currency, "¢£¥₧€"),
        (Kind.Opening, "¡«¿©΄΅‘‚“„•‹\uF8FF"),
        (Kind.Closing, "®»˝”›™"),
        (Kind.Numeric, "²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№"),
        (Kind.Face, "ÒÓÔÕÖÙÚÛÜòóôõöøùúûüŐŌŪŲ°"),
        (Kind.Upper, "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ"),
        (Kind.Lower, "ßàáâãäåæçèéêëìíîïðñăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґﬁﬂ"),
        (Kind.UpperCommon, "ÞΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ\u03A2ΣΤΥΦΧΨΩΆΈΉΊΌΎΏΪΫЁЂЃЄЅІЇЈЉЊЋЌ\u040DЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"),
        (Kind.LowerCommon, "αβγδεζηθικλμνξοπρςστυφχψωάέήίΰабвгдежзийклмнопрстуфхцчшщъыьэюя\u0450ёђѓєѕіїјљњћќ\u045Dўџ"),
        (Kind.Box, "│┌┐┘├┤┬┼═║╒╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡╢╣╤╥╦╧╨╩╪╫╬▀▄█▌▐░▒▓"),
        (Kind.Degree, "°"),
    ];

    // What does not follow what.
    private static readonly (Kind First, Kind Second)[] s_pairs =
    [
        (AnyAccent | Sign, Kind.Bad),
        (Kind.Bad, AnyAccent | Sign),
        (Kind.Bad, Kind.Bad),
        (Kind.Lower | Kind.LowerCommon | Kind.Box | Kind.Closing | Kind.Currency | Kind.Numeric, Kind.Upper),
        (Kind.Box | Kind.Closing | Kind.Currency | Kind.Numeric, Kind.Lower),
        (Kind.Lower | Kind.Box | Kind.Closing, Kind.Currency),
        (Kind.Upper | Kind.Box, Kind.Numeric | Kind.Law),
        (Kind.Currency | Kind.Numeric | Kind.Box, Kind.Opening),
        (Kind.Box, Kind.Face | Kind.Closing),
        (AnyAccent | Kind.Currency | Kind.Numeric | Kind.Opening | Kind.Closing | Kind.Law, Kind.Box),
        (Kind.Upper, Kind.Degree),
    ];

    private static readonly (Kind First, Kind Second, Kind Third)[] s_triples =
    [
        (Kind.SmallLatin | Kind.CapitalLatin, Kind.LowerCommon | Kind.UpperCommon, Kind.Bad),
        (Kind.Space, Kind.Upper, Kind.Currency),
        (AnyAccent | Kind.Box | Kind.Currency | Kind.Closing, Kind.Opening, Kind.Numeric),
        (AnyAccent | Kind.Currency | Kind.Numeric | Kind.Box | Kind.Law, Kind.Closing, Kind.Opening),
        (Kind.SmallLatin, Kind.Upper, Kind.Opening | Kind.Currency),
        (AnyAccent, Kind.Opening | Kind.Closing, Kind.Word),
    ];

    private const Kind BetweenLetters = Kind.Control | Kind.Bad | Kind.Opening | Kind.Closing | Kind.Currency;
    private const Kind Arabic = Kind.Common | Kind.Currency | Kind.Bad | Kind.Numeric | Kind.Opening;

    // Sequences that a certain encoding makes of certain text; each place by its characters, its kinds or both.
    private static readonly (string Characters, Kind Kinds)[][] s_sequences =
    [
        // Windows-1252
        [("ÂÃÎÐ", 0), ("€œŠš¢£Ÿž\u00A0\u00AD®©°·»–—´", Kind.Opening | Kind.Closing)],
        [("×", 0), ("²³", 0)],
        [("ØÙ", 0), ("ŸŠ®°µ»", Arabic), ("ØÙ", 0), ("ŸŠ®°µ»", Arabic)],
        [("à", 0), ("²µ¹¼½¾", 0)],
        [("Ã", 0), ("\u00A0¡", 0)],
        // Mac Roman
        [("√", 0), ("±∂†≠®™´≤≥¥µø", 0)],
        [("≈", 0), ("°¢", 0)],
        [("‚", 0), ("Ä", 0), ("ìîïòôúùû†°¢π", 0)],
        [("‚", 0), ("âó", 0), ("àä°ê", 0)],
        // Windows-1251
        [("в", 0), ("Ђ", 0)],
        [("ВГРС", 0), ("°µ", BetweenLetters), ("ВГРС", 0)],
        // Windows-1253
        [("β", 0), ("€", 0), ("™\u00A0Ά\u00AD®°", 0)],
        [("ΒΓΞΟ", 0), ("°", BetweenLetters), ("ΒΓΞΟ", 0)],
        // Windows-1257
        [("ā", 0), ("€", 0)],
    ];

    private static readonly Kind[] s_kinds = Kinds();

    /// <summary>Whether anything in the text is hardly ever meant. Linear: a few comparisons a character.</summary>
    public static bool In(ReadOnlySpan<char> text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsAscii(text[i]) && (i + 1 == text.Length || char.IsAscii(text[i + 1])))
            {
                continue;
            }

            Kind first = s_kinds[text[i]];
            Kind second = KindAt(text, i + 1);
            if (first.HasFlag(Kind.Control) || ArePair(first, second) || AreTriple(first, second, KindAt(text, i + 2))
                || (first.HasFlag(Kind.Leads) && IsSequence(text[i..])) || IsMisplaced(text, i))
            {
                return true;
            }
        }

        return false;
    }

    private static bool ArePair(Kind first, Kind second)
    {
        foreach ((Kind one, Kind other) in s_pairs)
        {
            if ((first & one) != 0 && (second & other) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private static bool AreTriple(Kind first, Kind second, Kind third)
    {
        foreach ((Kind one, Kind other, Kind last) in s_triples)
        {
            if ((first & one) != 0 && (second & other) != 0 && (third & last) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsSequence(ReadOnlySpan<char> text)
    {
        foreach ((string Characters, Kind Kinds)[] sequence in s_sequences)
        {
            int matched = 0;
            while (matched < sequence.Length && matched < text.Length
                && (sequence[matched].Characters.Contains(text[matched]) || (s_kinds[text[matched]] & sequence[matched].Kinds) != 0))
            {
                matched++;
            }

            if (matched == sequence.Length)
            {
                return true;
            }
        }

        return false;
    }

    // Rules that look at what stands before, or take any character.
    private static bool IsMisplaced(ReadOnlySpan<char> text, int at) => text[at] switch
    {
        'Œ' or 'œ' => at + 1 < text.Length && !char.IsAsciiLetter(text[at + 1]),
        'Â' when at > 0 && at + 1 < text.Length
            && (text[at - 1] is '.' or ',' or '?' or '!' || IsAny(text[at - 1], Kind.SmallLatin | Kind.Closing))
            && (text[at + 1] == ' ' || IsAny(text[at + 1], Kind.Opening | Kind.Closing)) => true,
        'Â' or 'Ã' => at + 1 < text.Length && text[at + 1] == ' ' && (at == 0 || IsAny(text[at - 1], Kind.SmallLatin)
            || (at > 1 && IsAny(text[at - 1], Kind.Space) && IsAny(text[at - 2], Kind.SmallLatin))),
        'Г' => text[at..].StartsWith("ГўВЂВ") && IsBeforeLatin(text[(at + 5)..]),
        _ => false,
    };

    private static bool IsBeforeLatin(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || text[0] == '\n')
        {
            return false;
        }

        int length = text.Length > 1 && char.IsSurrogatePair(text[0], text[1]) ? 2 : 1;
        return length < text.Length && (text[length] == ' ' || char.IsAsciiLetter(text[length]));
    }

    private static bool IsAny(char character, Kind kinds) => (s_kinds[character] & kinds) != 0;

    private static Kind KindAt(ReadOnlySpan<char> text, int at)
    {
        if (at >= text.Length)
        {
            return Kind.None;
        }

        return Rune.DecodeFromUtf16(text[at..], out Rune rune, out _) == OperationStatus.Done && !rune.IsBmp
            ? Rune.IsLetter(rune) || Rune.IsNumber(rune) ? Kind.Word : Kind.None
            : s_kinds[text[at]];
    }

    private static Kind[] Kinds()
    {
        var kinds = new Kind[char.MaxValue + 1];
        foreach ((Kind kind, string characters) in s_characters)
        {
            foreach (char character in characters)
            {
                kinds[character] |= kind;
            }
        }

        foreach ((string Characters, Kind Kinds)[] sequence in s_sequences)
        {
            foreach (char character in sequence[0].Characters)
            {
                kinds[character] |= Kind.Leads;
            }
        }

        for (int code = 0; code < kinds.Length; code++)
        {
            char character = (char)code;
            kinds[code] |= (char.IsLetter(character) || char.IsNumber(character) || character == '_' ? Kind.Word : 0)
                | (char.IsWhiteSpace(character) || character is >= '\x1C' and <= '\x1F' ? Kind.Space : 0)
                | (char.IsAsciiLetterLower(character) ? Kind.SmallLatin : 0)
                | (char.IsAsciiLetterUpper(character) ? Kind.CapitalLatin : 0)
                | (character is >= '\x80' and <= '\x9F' ? Kind.Control : 0);
        }

        return kinds;
    }
}
