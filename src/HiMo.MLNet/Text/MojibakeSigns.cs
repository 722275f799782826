using System.Buffers;
using System.Text;
using static HiMo.MLNet.Text.MojibakeKind;

namespace HiMo.MLNet.Text;

/// <summary>Does a text look as if it had been read in the wrong encoding? The judgement of ftfy 6.3.</summary>
/// <remarks>
/// The few hundred characters that UTF-8 turns into when a one-byte encoding reads it fall into kinds; some kinds do not
/// follow one another in text that is meant so: no currency sign comes right behind a small letter with an accent.
/// </remarks>
internal static class MojibakeSigns
{
    private const MojibakeKind AnyAccent = Lower | Upper;
    private const MojibakeKind Sign = Box | Opening | Closing | Currency | Numeric | Law;

    private static readonly (MojibakeKind MojibakeKind, string Characters)[] s_characters =
    [
        (Common, "\u00A0\u00AD·´–—―…’"),
        (Bad, "¤¦¨ª¬¯¸ºƒˆˇ˘˛˜†‡‰⌐◊\uFFFD"),
        (Law, "¶§"),
        (Currency, "¢£¥₧€"),
        (Opening, "¡«¿©΄΅‘‚“„•‹\uF8FF"),
        (Closing, "®»˝”›™"),
        (Numeric, "²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№"),
        (Face, "ÒÓÔÕÖÙÚÛÜòóôõöøùúûüŐŌŪŲ°"),
        (Upper, "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ"),
        (Lower, "ßàáâãäåæçèéêëìíîïðñăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґﬁﬂ"),
        (UpperCommon, "ÞΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ\u03A2ΣΤΥΦΧΨΩΆΈΉΊΌΎΏΪΫЁЂЃЄЅІЇЈЉЊЋЌ\u040DЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"),
        (LowerCommon, "αβγδεζηθικλμνξοπρςστυφχψωάέήίΰабвгдежзийклмнопрстуфхцчшщъыьэюя\u0450ёђѓєѕіїјљњћќ\u045Dўџ"),
        (Box, "│┌┐┘├┤┬┼═║╒╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡╢╣╤╥╦╧╨╩╪╫╬▀▄█▌▐░▒▓"),
        (Degree, "°"),
    ];

    // What does not follow what.
    private static readonly (MojibakeKind First, MojibakeKind Second)[] s_pairs =
    [
        (AnyAccent | Sign, Bad),
        (Bad, AnyAccent | Sign),
        (Bad, Bad),
        (Lower | LowerCommon | Box | Closing | Currency | Numeric, Upper),
        (Box | Closing | Currency | Numeric, Lower),
        (Lower | Box | Closing, Currency),
        (Upper | Box, Numeric | Law),
        (Currency | Numeric | Box, Opening),
        (Box, Face | Closing),
        (AnyAccent | Currency | Numeric | Opening | Closing | Law, Box),
        (Upper, Degree),
    ];

    private static readonly (MojibakeKind First, MojibakeKind Second, MojibakeKind Third)[] s_triples =
    [
        (SmallLatin | CapitalLatin, LowerCommon | UpperCommon, Bad),
        (Space, Upper, Currency),
        (AnyAccent | Box | Currency | Closing, Opening, Numeric),
        (AnyAccent | Currency | Numeric | Box | Law, Closing, Opening),
        (SmallLatin, Upper, Opening | Currency),
        (AnyAccent, Opening | Closing, Word),
    ];

    private const MojibakeKind BetweenLetters = Control | Bad | Opening | Closing | Currency;
    private const MojibakeKind Arabic = Common | Currency | Bad | Numeric | Opening;

    // Sequences that a certain encoding makes of certain text; each place by its characters, its kinds or both.
    private static readonly (string Characters, MojibakeKind Kinds)[][] s_sequences =
    [
        // Windows-1252
        [("ÂÃÎÐ", 0), ("€œŠš¢£Ÿž\u00A0\u00AD®©°·»–—´", Opening | Closing)],
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

    private static readonly MojibakeKind[] s_kinds = Kinds();

    /// <summary>Whether anything in the text is hardly ever meant. Linear: a few comparisons a character.</summary>
    public static bool In(ReadOnlySpan<char> text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsAscii(text[i]) && (i + 1 == text.Length || char.IsAscii(text[i + 1])))
            {
                continue;
            }

            MojibakeKind first = s_kinds[text[i]];
            MojibakeKind second = KindAt(text, i + 1);
            if (first.HasFlag(Control) || ArePair(first, second) || AreTriple(first, second, KindAt(text, i + 2))
                || (first.HasFlag(Leads) && IsSequence(text[i..])) || IsMisplaced(text, i))
            {
                return true;
            }
        }

        return false;
    }

    private static bool ArePair(MojibakeKind first, MojibakeKind second)
    {
        foreach ((MojibakeKind one, MojibakeKind other) in s_pairs)
        {
            if ((first & one) != 0 && (second & other) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private static bool AreTriple(MojibakeKind first, MojibakeKind second, MojibakeKind third)
    {
        foreach ((MojibakeKind one, MojibakeKind other, MojibakeKind last) in s_triples)
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
        foreach ((string Characters, MojibakeKind Kinds)[] sequence in s_sequences)
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
            && (text[at - 1] is '.' or ',' or '?' or '!' || IsAny(text[at - 1], SmallLatin | Closing))
            && (text[at + 1] == ' ' || IsAny(text[at + 1], Opening | Closing)) => true,
        'Â' or 'Ã' => at + 1 < text.Length && text[at + 1] == ' ' && (at == 0 || IsAny(text[at - 1], SmallLatin)
            || (at > 1 && IsAny(text[at - 1], Space) && IsAny(text[at - 2], SmallLatin))),
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

    private static bool IsAny(char character, MojibakeKind kinds) => (s_kinds[character] & kinds) != 0;

    private static MojibakeKind KindAt(ReadOnlySpan<char> text, int at)
    {
        if (at >= text.Length)
        {
            return None;
        }

        return Rune.DecodeFromUtf16(text[at..], out Rune rune, out _) == OperationStatus.Done && !rune.IsBmp
            ? Rune.IsLetter(rune) || Rune.IsNumber(rune) ? Word : None
            : s_kinds[text[at]];
    }

    private static MojibakeKind[] Kinds()
    {
        var kinds = new MojibakeKind[char.MaxValue + 1];
        foreach ((MojibakeKind kind, string characters) in s_characters)
        {
            foreach (char character in characters)
            {
                kinds[character] |= kind;
            }
        }

        foreach ((string Characters, MojibakeKind Kinds)[] sequence in s_sequences)
        {
            foreach (char character in sequence[0].Characters)
            {
                kinds[character] |= Leads;
            }
        }

        for (int code = 0; code < kinds.Length; code++)
        {
            char character = (char)code;
            kinds[code] |= (char.IsLetter(character) || char.IsNumber(character) || character == '_' ? Word : 0)
                | (char.IsWhiteSpace(character) || character is >= '\x1C' and <= '\x1F' ? Space : 0)
                | (char.IsAsciiLetterLower(character) ? SmallLatin : 0)
                | (char.IsAsciiLetterUpper(character) ? CapitalLatin : 0)
                | (character is >= '\x80' and <= '\x9F' ? Control : 0);
        }

        return kinds;
    }
}
