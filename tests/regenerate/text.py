#!/usr/bin/env python3
"""What the library's text stages are held against, and their tables.

    python3 tests/regenerate/text.py                 compares what is there; ends with 1 where something differs
    python3 tests/regenerate/text.py --write         makes it anew
    python3 tests/regenerate/text.py --fuzz N        N random strings with what they should give, by --seed
    python3 tests/regenerate/text.py --characters    strings with every assigned character

The last two write JSON lines on standard output; TextGoldenTests reads a file of them too that HIMO_TEXT_CASES names.

All need ftfy 6.3.1, installed or in a folder that --ftfy names (`pip install --target FOLDER ftfy==6.3.1`, or its source),
and Debian's python3, python3-regex and python3-wcwidth. The tokenizer below is CLIP's, written down anew: repair,
unescape, fold, lower, cut, merge; the merges are those that the library ships. The captions of tokenizer.expected.json
are given: those, and what the original tokenizer made of them, were recorded elsewhere.
"""

import argparse
import functools
import gzip
import html
import html.entities
import itertools
import json
import os
import random
import sys
import unicodedata

import regex

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RESOURCES = os.path.join(ROOT, "src", "HiMo.MLNet", "Resources")
GOLDEN = os.path.join(ROOT, "tests", "HiMo.MLNet.Tests", "Golden")

WORDS = regex.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    regex.IGNORECASE)


class Tokenizer:
    def __init__(self, fix_text):
        self.fix_text = fix_text
        with gzip.open(os.path.join(RESOURCES, "clip-merges.txt.gz"), "rt", encoding="utf-8") as lines:
            merges = [tuple(line.split()) for line in lines.read().split("\n")[1:] if line]
        printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        others = [byte for byte in range(256) if byte not in printable]
        self.symbol = {byte: chr(byte) for byte in printable}
        self.symbol |= {byte: chr(256 + i) for i, byte in enumerate(others)}
        symbols = [self.symbol[byte] for byte in printable + others]
        names = symbols + [symbol + "</w>" for symbol in symbols] + ["".join(merge) for merge in merges]
        names += ["<|startoftext|>", "<|endoftext|>"]
        self.id = {name: i for i, name in enumerate(names)}
        self.rank = {merge: i for i, merge in enumerate(merges)}

    def clean(self, text):
        text = html.unescape(html.unescape(self.fix_text(text))).strip()
        return regex.sub(r"\s+", " ", text).strip().lower()

    @functools.lru_cache(maxsize=100_000)
    def word(self, word):
        if word in ("<|startoftext|>", "<|endoftext|>"):
            return [self.id[word]]
        parts = [self.symbol[byte] for byte in word.encode("utf-8")]
        parts[-1] += "</w>"
        while len(parts) > 1:
            first, second = min(zip(parts, parts[1:]), key=lambda pair: self.rank.get(pair, 1 << 30))
            if (first, second) not in self.rank:
                break
            merged, i = [], 0
            while i < len(parts):
                if i + 1 < len(parts) and parts[i] == first and parts[i + 1] == second:
                    merged.append(first + second)
                    i += 2
                else:
                    merged.append(parts[i])
                    i += 1
            parts = merged
        return [self.id[part] for part in parts]

    def ids(self, clean):
        return [id for word in WORDS.findall(clean) for id in self.word(word)]

    def padded(self, ids, length):
        """A row of a batch: both ends, zeros; of a text that is too long the beginning and the end token."""
        row = [self.id["<|startoftext|>"], *ids, self.id["<|endoftext|>"]]
        return row + [0] * (length - len(row)) if len(row) <= length else row[:length - 1] + row[-1:]

    def case(self, kind, text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")  # Halves side by side are one.
        clean = self.clean(text)
        units = text.encode("utf-16-le", "surrogatepass").hex()
        whole = {"text": text} if not any("\ud800" <= c <= "\udfff" for c in text) else {"utf16": units}
        return {"kind": kind} | whole | {"repaired": self.fix_text(text), "clean": clean, "ids": self.ids(clean)}


# ---- The embedded tables ---------------------------------------------------------------------------------------------

def entity_table():
    """A mark, the name, a tab, the characters. `;` only with a semicolon, `=` without too, `^` capitals that ftfy adds."""
    known = html.entities.html5
    for name in sorted(name[:-1] for name in known if name.endswith(";")):
        yield ("=" if name in known else ";") + name + "\t" + escaped(known[name + ";"])
    for name in sorted(name[:-1] for name in known if name.endswith(";") and name == name.lower()):
        capitals = "&" + name.upper() + ";"
        if html.unescape(capitals) == capitals:
            yield "^" + name.upper() + "\t" + escaped(known[name + ";"].upper())


def escaped(text):
    return " ".join(f"{ord(c):X}" for c in text)


def normalization_table():
    """Lines of hexadecimal numbers: `C class first last`, and `D character part [part]`, `X` where it never composes."""
    first, open_class = 0, 0
    for code in range(0x110001):
        ccc = unicodedata.combining(chr(code)) if code < 0x110000 else 0
        if ccc != open_class:
            if open_class:
                yield f"C {open_class:X} {first:X} {code - 1:X}"
            first, open_class = code, ccc
    for code in range(0x110000):
        parts = unicodedata.decomposition(chr(code))
        if parts and not parts.startswith("<"):
            composes = unicodedata.normalize("NFC", chr(code)) == chr(code)
            yield f"{'D' if composes else 'X'} {code:X} {' '.join(f'{int(part, 16):X}' for part in parts.split())}"


# ---- The golden strings ----------------------------------------------------------------------------------------------

CAPTIONS = [
    "It’s a dog’s life – the café’s terrace…", "“Two cats”, she said, ‘sleep’ on the sofa.", "A naïve façade in São Paulo, 25 °C",
    "Ein Schäferhund läuft über die grüne Straße.", "Une fille à l’école, très élégante", "El niño comió jalapeños y piñas ¿verdad?",
    "Kobieta w żółtej sukience, łódź i źrebię", "Příliš žluťoučký kůň úpěl ďábelské ódy", "Két őrült fűrész és egy nagy kőszív",
    "Рыжая кошка спит на окне", "Η γάτα κοιμάται στον ΗΛΙΟ και ο σκύλος τρέχει", "İstanbul’da güneşli bir gün, ışıklar ve ağaçlar",
    "Šuo bėga žaliu lauku prie ežero", "猫がソファで寝ている", "고양이가 소파에서 잔다", "قطة تنام على الأريكة", "חתול ישן על הספה",
    "बिल्ली सोफे पर सो रही है", "แมวนอนบนโซฟา", "A cat 🐱 and a dog 🐶 in the 🇫🇷 sun ☀️", "½ cup of crème brûlée, £3.50 or €4",
    "™ and © and ® signs — every one", "Đuro plays the đombra near the þing of Ægir", "fiancée’s résumé: 3 × 4 m², ±2 µm",
]
ENCODINGS = ["latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "sloppy-windows-1250", "sloppy-windows-1253",
             "sloppy-windows-1254", "sloppy-windows-1257", "iso-8859-2", "macroman", "cp437"]


def misread(text, encoding):
    return text.encode("utf-8").decode(encoding, "replace")


def mojibake():
    for caption in CAPTIONS:
        for encoding in ENCODINGS:
            yield misread(caption, encoding)
    for caption in CAPTIONS[:8]:
        for first, second in [("latin-1", "latin-1"), ("sloppy-windows-1252", "sloppy-windows-1252"),
                              ("sloppy-windows-1252", "latin-1"), ("macroman", "sloppy-windows-1252"),
                              ("sloppy-windows-1251", "sloppy-windows-1251")]:
            yield misread(misread(caption, first), second)
        wrong = misread(caption, "sloppy-windows-1252")
        yield wrong.replace("\xa0", " ")                      # A no-break space that became a space.
        yield wrong.replace("\x9d", "\ufffd").replace("\x81", "?")  # Bytes that were lost.
        yield caption + " / " + wrong                         # Only a part is wrong.
        yield wrong + " 🐱 " + caption
        yield caption.encode("cp1252", "ignore").decode("latin-1")  # C1 for quotes and dashes.
        yield "<b>" + wrong + "</b>"
        yield wrong + "\n" + caption + "\n" + wrong
    yield from [
        "voilÃ le travail", "Ã la mode", "fÃ cil", "a Ã s vezes", "Ãquele gato", "Ã quela gata", "Ã  la carte", " Â £5",
        "l’Â°", "Â", "a cat â€” a dog â€œhereâ€\ufffd", "â€œlike thisâ€�", "caf?Ã© Ã?", "ÃƒÂ©", "é©", "Ã\n",
        "CafÃ©À\n dog", "Ã©\u00ed\u00a0\u0081\u00ed\u00b0\u0080", "Ã©\u00ed\u00a0\u00bd\u00ed\u00b0\u00b1 cat",
        "Ã©\u00ed\u00a0\u0080\u00ed\u00b0\n", "Ã©\u00c0\u0080 null", "Ã©\u00ed\u0095\u009c Hangul", "Ã©\u00ed",
        "Ã©\u00ed\u00a0\u0080x", "à²¬à³†à²‚à²—à²³à³‚à²°à³", "вЂ™ and вЂњ", "β€™ and β€œ", "ā€™", "√© √† √±", "‚Äôs",
        "‚Äú hello ‚Äù", "├⌐ ├á", "Ôò║ caf├®", "ØªØ§Ø¨", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "ГўВЂВ™s cat", "ГўВЂВ😀a", "ГўВЂВ\nb",
        "Å“uvre œ7", "œ", "Œ\n", "×²", "Ê°", "é€", "Hello, Â world", "Hello.Â  World", "Å", "a Å b", "10 Â°C", "Â°",
        "ÁÉ", "ßÀ", "│ö", "© ®", "é “w", "\x85", "\x93quoted\x94", "1\x962", "\x81\x8d", "é\x81", "ó\x80\x93", "ï»¿BOM",
        "ï¬\x81", "â‚¬5", "Â£5", "Ã\xa0", "Ã¡", "Ð¢ÐµÑ\ufffd", "Ñ?Ñ?Ð°", "\x1aÃ©", "Ã©\x1a", "â?¬", "Ã©\ufffd",
        "schÃ¶n \ufffd", "ðŸ˜‚ðŸ\ufffd", "ðŸ ±", "á Á £", "¡¿¡¿", "µµ¶", "(ʘ‿ʘ) ╰(◡‿◡✿)╯", "¯\\_(ツ)_/¯", "Ü│", "ﬁ¤",
        "Ģ¢", "l'Ã©tÃ© â€“ l’été", "AÃ", "aÃ b", "pÃ¨re NoÃ«l… Â«ohÂ»",
    ]


QUOTES = [
    "it’s", "dog’s", "‘tis", "we’ll", "I’m", "they’ve", "you’re", "he’d", "can’t", "‛s", "ʼs", "‚low‘", "“double”",
    "„low“", "‟x‟", "‹x›", "«x»", "5′ 6″", "`s", "´s", "＇s", "IT’S", "CAN’T", "ŉ", "rock ’n’ roll", "’’s", "'ſ", "'ſt",
    "it'ſ", "'K", "'LL", "'lL", "'Re", "'VE", "'ve'd", "’\u0345s", "a\u0345b", "\u0345", "α\u0345", "<|ſtartoftext|>",
    "<|STARTOFTEXT|>", "<|endoftext|>x", "<|EndOfText|>", "&lt;|endoftext|&gt;", "ſtreet", "K and Å", "Ω Ohm",
    "'\u017ft 'ﬆ",
]
DASHES = [
    "a‐b", "a‑b", "a‒b", "a–b", "a—b", "a―b", "−5", "a…b", "…", "•item", "‣item", "a·b", "a‧b", "~", "～", "a⁓b", "1⁄2",
    "¡hola!", "†‡",
]
WIDTHS = [
    "ＬＯＵＤ　ＮＯＩＳＥＳ", "ｃａｔ　１２３！", "Ｕﾀｰﾝ", "ｶﾞｷﾞﾊﾟ", "ﾊﾟﾊﾞ ｳﾞ", "￦100 ￥5 ￡6 ￠", "ﾡﾢﾤ", "ￂￇￊ", "￨￩￭￮", "＜ｂ＞", "＆ａｍｐ；", "｟x｠",
    "ﬁne ﬂow oﬀer aﬃx raﬄe ﬅ ﬆ", "Ĳssel ĳs", "Ǆ ǅ ǆ Ǉ ǈ ǉ Ǌ ǋ ǌ Ǳ ǲ ǳ", "æ œ ß ẞ", "ﬓ ﬔ ﬗ", "ﷲ ﷺ", "㎏ ㍿ ℃ ℡ №",
]
FORMS = [
    "cafe\u0301", "A\u030a", "n\u0303o", "o\u0308\u0304", "q\u0307\u0323", "q\u0323\u0307", "\u1100\u1161\u11a8",
    "각\u11a8", "가\u11a7", "\u1112\u1161\u11ab\u1100\u1173\u11af", "\u0958", "\u2adc", "\u0344", "\u0340x", "\u212b",
    "\u2126", "\u1e9b\u0323", "\u0f43", "\ufb1d", "\ufa1e\ufa10", "\U0002f800", "\U0001d15e", "\u0041\u0328\u0301",
    "e\u0327\u0301", "\u0915\u093c", "\u09c7\u09be", "\u0dd9\u0dca\u0dcf", "\u1025\u102e", "\u0b47\u0b3e",
    "\U00011131\U00011127", "a\u0315\u0300\u05ae\u0300b", "a\u0300\u0345\u0301", "\u0301 alone",
    "x" + "\u0316\u0301" * 20, "\u03b1\u0313\u0300\u0345", "\u01d5 U\u0308\u0304", "\u1ea4 A\u0302\u0301",
    "Å ñ ü in one", "\ufffe\uffff", "\ufdd0", "\u200de\u0301",
]
ENTITIES = [
    "Tom &amp; Jerry", "Tom &amp;amp; Jerry", "&amp;amp;amp;amp;amp;lt;", "&AMP; &Amp;",
    "&eacute; &Eacute; &EACUTE; &eACUTE;", "P&EACUTE;REZ", "STRA&SZLIG;E", "&NTILDE;", "&ntilde &ntildex", "&copy 2024",
    "&COPY;&copy;&Copy;", "&reg &REG", "this&not that", "&notit; &notin; &notin", "&lt3 &lt;3 &LT;3", "&gt &gtx",
    "&quot;hi&quot; &QUOT;x&QUOT;", "&apos;s &apos s", "it&#39;s", "it&#x27;s", "it&#8217;s", "it&#x2019;s",
    "it&rsquo;s", "it&RSQUO;s", "&ldquo;q&rdquo; &lsquo;q&rsquo;", "&#150; &#151; &#133; &#128;", "&#x80;&#x9F;",
    "&#129; &#141; &#157;", "&#0; &#1; &#8; &#11; &#31;", "&#13;x&#10;y", "&#xD800; &#xDFFF;", "&#xD83D;&#xDC31;",
    "&#55357;&#56369;", "&#128049;", "&#x1F431;", "&#x110000;", "&#99999999999999999999;", "&#xFFFFFFFFFFFFFFFF;",
    "&#65534; &#xFFFF; &#x1FFFE;", "&#64976;", "&#127; &#x7f;", "&#65", "&#65a", "&#x41", "&#X41;", "&#x;", "&#;", "&#",
    "&", "&;", "&&amp;", "&#38;#38;#38;amp;", "&#59; &#x3b;", "&#12a;", "&#xzz;", "&#１２;", "&nbsp;&nbsp;x",
    "a&NewLine;b &Tab; c", "&thinsp;&zwj;&zwnj;&lrm;", "&hellip;&mdash;&ndash;", "&Jscr;ohn &HilbertSpace;",
    "&CounterClockwiseContourIntegral;", "&fjlig;ord &fflig; &filig;", "&NotEqualTilde;", "&bne; &acE;",
    "&ThickSpace;x", "&checkmark; &star; &phone;", "&Uuml;ber", "&uuml", "&UUML", "&frac12 cup &frac34;",
    "&sup2; &sup2", "&deg C", "&pound5", "&yen;5 &euro;5 &euro5", "&times&divide", "&aring;&Aring;&ARING;",
    "&iexcl;Hola!", "&szlig; &SZLIG;", "&oelig;uvre &OELIG;", "&Scaron;koda", "<b>&eacute;</b>",
    "<b>\n&eacute;</b> &AMP;EACUTE;", "&eacute;\n<b>&EACUTE;", "a < b &amp;amp; c", "&ATILDE;&SUP3;",
    "&Atilde;&copy; x", "&acirc;&#128;&#153;s", "&amp;#8217;s", "&amp;#x2019;s &amp;amp;rsquo;",
    "x&thetasym;&upsih;&piv;", "&notanentity;", "&averyveryveryverylongnamewithoutend", "&noten\u00e9", "&ampé",
    "&amp🐱", "&ltｘ;", "AT&T", "R&D; &rd", "Q&A &amp Q&AMPA", "&lang;&rang;", "&ZeroWidthSpace;", "&apid;", "&ac;",
    "&Igrave;&IGRAVE;", "&ETH;&eth;&THORN;", "&angst;", "&imath;&jmath;",
]
CONTROLS = [
    "a\x00b", "a\x07b\x08c", "a\x0bb", "a\x0cb", "a\x1bb", "a\x1cb\x1dc\x1ed\x1fe", "\x1c\x1f", "a\x7fb", "a\x80b",
    "a\x85b", "a\x9fb", "a\ufeffb", "\ufeffcat", "a\ufff9b\ufffac\ufffbd", "a\ufffcb", "a\u206ab\u206fc", "a\u200bb",
    "a\u200cb\u200dc", "a\u200eb\u200fc", "a\u202ab\u202ec", "a\u2060b\u2066c\u2069", "a\u00adb", "a\u180eb",
    "a\u034fb", "a\u115fb", "a\u3164b", "\U0001d173x", "\U000e0041x", "a\u061cb", "\x1b[31mred\x1b[0m cat",
    "\x1b[36;44mblue\x1b[0m", "\x1b[1", "\x1b[;;m", "\x1b[\u0663m", "\x1b[12?m", "\x1b\x1b[0mx", "\x1b[2Jclear",
    "\x1b]0;title\x07", "\x1b[\U0001d7cfmx", "\x1b[0m&amp;", "\x1bM", "[31mred[0m",
]
SPACES = [
    "a\tb", "a\nb", "a\r\nb", "a\rb", "a\n\rb", "a\u2028b", "a\u2029b", "a\u0085b", " a  b ", "a\u00a0b", "a\u1680b",
    "a\u2000b\u2003c\u200ad", "a\u202fb", "a\u205fb", "a\u3000b", "\n\n", "", " ", "\u3000",
    "line one\n\nline two’s\r\n", "a\r", "\r\na", "a \n b", "1\n2\n3", "x\n<y>\n&amp;lt;",
    "&amp;eacute;\n<\n&amp;eacute;",
]
CASES = [
    "ΟΔΟΣ", "ΟΔΟΣ ΟΔΟΣΣ.", "Σ", "ΑΣ", "ΣΑ", "ΑΣ'", "ΑΣ'Α", "ΑΣ.Α", "ΑΣ.", "Α.Σ", ".Σ", "Α\u0301Σ", "ΑΣ\u0301",
    "ΑΣ\u0301Α", "ΑΣ\u00ad", "ΑΣ\u200bΑ", "AΣ1", "1Σ", "ªΣ", "ⅠΣ", "ⓐΣ", "🄰Σ", "中Σ", "Σ中", "ʰΣ", "𐐀Σ", "ΑΣ𐐀", "ΑΣ:Α",
    "ΑΣ·Α", "ΑΣ’Α", "ΑΣ^Α", "ΑΣ`", "ΑΣ-Α", "ΑΣ Α", "ΣΣΣ", "ΑΣΣ", "ΌΣΟΣ ΣΟΦΌΣ", "ΑΣ\u0345", "ΑΣ𝅘Α", "İ", "İSTANBUL",
    "ISPARTA ı", "İ\u0307", "I\u0307", "ẞ", "ǅ", "ᾈ ᾼ", "Ꭰ ꭰ", "Ⰰ", "𐐀𐐁", "𞤀", "Ა", "Ⅷ ⅷ", "Ⓐ", "Ａ", "Ω K Å", "ϴ", "Ϲ",
    "Ⱥ Ⱦ", "ÀÉÎÕÜ", "ЁЖИК", "Ǻ", "ÿ Ÿ", "Ƀ", "ꞰꞱ",
]
NUMBERS = [
    "3.14", "1,000", "2nd", "x2y", "²³", "½", "Ⅻ", "①②", "٣٤٥", "१२३", "𝟏𝟐", "一二", "㉈", "𐄇", "10×20", "№5", "1⁄2", "5°",
    "50%", "٪", "1️⃣", "0x1F", "1e5", "๑๒",
]
SYMBOLS = [
    "🐱🐶", "👩‍👩‍👧‍👦", "👍🏽", "🇫🇷🇩🇪", "❤️", "☃", "a🐱b", "🐱s 🐱's", "𠮷野家", "!!!", "?!", "...", "a.b", "a_b", "a/b", "#tag",
    "@me", "http://a.b/c?d=e&f=g", "a+b=c", "C++", ":-)", "(╯°□°）╯︵ ┻━┻", "ʕ•ᴥ•ʔ", "→←", "♪♫", "€£¥", "«»", "שָׁלוֹם",
    "عَرَبِيّ", "مرحبا بالعالم", "‏rtl‎", "ไทย", "हिन्दी", "தமிழ்", "ქართული", "Հայերեն", "አማርኛ", "ᏣᎳᎩ", "ⵜⵉⴼⵉⵏⴰⵖ",
    "日本語の文章。", "한국어", "汉字", "𓀀", "\ue000", "\U000f0000", "a\u20e3", "\u0e33", "\u0300", "\U0010ffff",
]
SURROGATES = [
    "\ud83d", "\udc31", "cat \udc31 cat", "\ud83d\ud83d\udc31", "\udc31\ud83d", "a\ud83d\x00\udc31b",
    "\ud83d&#1;\udc31", "Ã©\ud83d", "’\udc31’", "\ud83d\u200d", "\udfff\ud800", "x\ud800\ny\udc00", "&amp;\ud83d",
    "ｶ\ud83dﾞ", "œ\ud83d", "\ud83d\x1b[0m\udc31",
]


def long_ones():
    yield "a photo of it’s cat, " * 60
    yield "CafÃ© " * 120
    yield "é" * 700
    yield "supercalifragilistic" * 60
    yield "a" * 1500
    yield "ab" * 600 + "c"
    yield "🐱" * 400
    yield "😂" * 333 + "!"
    yield "—" * 500
    yield "x\u0301" * 300
    yield "!?" * 500
    yield "wordwordword’" * 120
    yield "猫" * 500


def cases(tokenizer):
    groups = {
        "mojibake": [*mojibake()], "quotes": QUOTES, "dashes": DASHES, "widths and ligatures": WIDTHS, "forms": FORMS,
        "entities": ENTITIES, "controls": CONTROLS, "spaces": SPACES, "case": CASES, "numbers": NUMBERS,
        "symbols": SYMBOLS, "surrogates": SURROGATES, "long": [*long_ones()],
    }
    seen = set()
    for kind, texts in groups.items():
        for text in texts:
            if text not in seen:
                seen.add(text)
                yield tokenizer.case(kind, text)


# ---- Random strings --------------------------------------------------------------------------------------------------

def random_text(rng):
    """A few pieces of the golden strings, single characters and misread captions, cut and joined by chance."""
    parts = []
    for _ in range(rng.choice([1, 2, 3, 5, 8])):
        roll = rng.random()
        if roll < 0.35:
            piece = rng.choice(rng.choice([
                QUOTES, DASHES, WIDTHS, FORMS, ENTITIES, CONTROLS, SPACES, CASES, NUMBERS, SYMBOLS, SURROGATES]))
        elif roll < 0.6:
            piece = rng.choice(CAPTIONS)
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                piece = misread(piece, rng.choice(ENCODINGS)) if piece.isascii() or rng.random() < 0.9 else piece
            if rng.random() < 0.3:
                piece = piece.replace("\xa0", " ")
            if rng.random() < 0.2 and piece:
                piece = piece.replace(rng.choice(piece), rng.choice(["?", "\ufffd", "\x1a", " "]))
        elif roll < 0.8:
            ranges = [(0x20, 0x7F), (0x80, 0x100), (0xC0, 0x180), (0x370, 0x480), (0x2000, 0x2140), (0x300, 0x370)]
            piece = "".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randrange(1, 7)))
        elif roll < 0.9:
            code = rng.choice([rng.randrange(0x10000), rng.randrange(0x110000)])
            piece = chr(code) if unicodedata.category(chr(code)) != "Cn" else "n"
        else:
            piece = rng.choice([
                "&", "&#", "&#x", "'", "’", "<", "\n", "\r", " ", "\x1b[", ";", "m", "Ã", "Â", "â€", "ð", "í", "À", "\x80", "ΑΣ",
                "ſ", "'s", "\u0345", "amp;", "1", "\x1a"])
        cut = rng.randrange(len(piece) + 1) if rng.random() < 0.25 else len(piece)
        parts.append(piece[:cut])
    return rng.choice(["", "", " "]).join(parts)


def every_character():
    for code in [*range(0xD800), *range(0xF900, 0x110000)]:
        c = chr(code)
        if unicodedata.category(c) in ("Cn", "Co"):
            continue
        yield f"{c}x'{c} {c.upper()}A{c}ΑΣ{c}b ΑΣ{c} {c}Σ 1{c}"
        if code < 0x3100:
            yield from ["Ã©" + c + "é", "Ã " + c, c + "Â£ Ã©", "a\u0316" + c + "\u0301", "&" + c + "amp;&amp" + c]


# ---- What there is, and what there should be --------------------------------------------------------------------------

def captions(tokenizer):
    """The captions that tokenizer.expected.json has, and what they give."""
    with open(os.path.join(GOLDEN, "tokenizer.expected.json"), encoding="utf-8") as file:
        for text in (case["text"] for case in json.load(file)):
            ids = tokenizer.ids(tokenizer.clean(text))
            yield {"text": text, "ids": ids, "padded248": tokenizer.padded(ids, 248)}


def made(tokenizer):
    """Paths, and the bytes that belong there before any compression."""
    texts = {
        os.path.join(GOLDEN, "text.expected.json"): "[\n" + ",\n".join(json.dumps(case) for case in cases(tokenizer)) + "\n]\n",
        os.path.join(GOLDEN, "tokenizer.expected.json"): json.dumps([*captions(tokenizer)]),
        os.path.join(RESOURCES, "html-entities.txt.gz"): "".join(line + "\n" for line in entity_table()),
        os.path.join(RESOURCES, "unicode-normalization.txt.gz"): "".join(line + "\n" for line in normalization_table()),
    }
    return {path: text.encode("utf-8") for path, text in texts.items()}


def entries(path, data):
    return json.loads(data) if path.endswith(".json") else data.decode("utf-8").split("\n")[:-1]


def compare(path, data):
    """Prints how many strings or lines differ; whether none does."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        there, here = entries(path, file.read()), entries(path, data)
    different = [pair for pair in itertools.zip_longest(there, here) if pair[0] != pair[1]]
    print(f"{os.path.basename(path):30}{len(there):6,} {'strings,' if path.endswith('.json') else 'lines,':8} {len(different)} differ")
    for recorded, computed in different[:3]:
        print(f"  recorded {recorded!r}\n  computed {computed!r}")
    return not different


def write(path, data):
    with open(path, "wb") as file:
        file.write(gzip.compress(data, 9, mtime=0) if path.endswith(".gz") else data)


def repair(folder):
    """ftfy.fix_text of the version that the values are of."""
    sys.path[:0] = [folder] if folder else []
    try:
        import ftfy
        found = ftfy.__version__
    except ModuleNotFoundError as error:
        if error.name != "ftfy":
            raise
        found = "none"
    if found != "6.3.1":
        sys.exit(f"Expected ftfy 6.3.1, found {found}: pip install --target FOLDER ftfy==6.3.1, then --ftfy FOLDER.")
    return ftfy.fix_text


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--ftfy", metavar="FOLDER", help="where ftfy lies, if it is not installed")
    ways = arguments.add_mutually_exclusive_group()
    ways.add_argument("--check", action="store_true", help="compare what is there (the default)")
    ways.add_argument("--write", action="store_true", help="make it anew")
    ways.add_argument("--fuzz", type=int, metavar="N")
    ways.add_argument("--characters", action="store_true")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    tokenizer = Tokenizer(repair(given.ftfy))
    if given.fuzz or given.characters:
        rng = random.Random(given.seed)
        for text in every_character() if given.characters else (random_text(rng) for _ in range(given.fuzz)):
            print(json.dumps(tokenizer.case("random", text)))
        return 0

    print(f"recorded with Unicode 14.0.0, regex 2.5.123 - here {unicodedata.unidata_version}, {regex.__version__}")
    files = made(tokenizer)
    if given.write:
        for path, data in files.items():
            write(path, data)
        return 0
    return 0 if all([compare(path, data) for path, data in files.items()]) else 1


if __name__ == "__main__":
    sys.exit(main())
