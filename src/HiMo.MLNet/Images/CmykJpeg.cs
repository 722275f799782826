using BitMiracle.LibJpeg.Classic;

namespace HiMo.MLNet.Images;

/// <summary>
/// Reads the inks of a JPEG of four components, which SkiaSharp gives as RGB only: mixed before they are resized, they
/// would come out differently. Its coefficients are put, untouched, into a JPEG of the first three components and one of
/// black, and those are decoded as any other.
/// </summary>
internal static class CmykJpeg
{
    private const int Inks = 4, Black = 3;

    /// <param name="file">A JPEG that decodes.</param>
    /// <param name="name">Its name in error messages.</param>
    /// <param name="decode">Decodes a JPEG to RGB.</param>
    /// <returns>The image, or null when the file has other than four components.</returns>
    public static RgbImage? Read(ReadOnlySpan<byte> file, string name, Func<byte[], RgbImage> decode)
    {
        try
        {
            return CountComponents(file) == Inks ? ReadInks(file, decode) : null;
        }
        catch (Exception e) when (e is not (ImageReadException or OutOfMemoryException))
        {
            throw new ImageReadException(name, "it is damaged", e); // The library's errors have no type of their own.
        }
    }

    private static RgbImage ReadInks(ReadOnlySpan<byte> file, Func<byte[], RgbImage> decode)
    {
        var source = new jpeg_decompress_struct(new SilentErrors());
        source.jpeg_stdio_src(new MemoryStream(file.ToArray()));
        source.jpeg_read_header(true);
        bool isYcck = source.Jpeg_color_space == J_COLOR_SPACE.JCS_YCCK;
        jvirt_array<JBLOCK>[] coefficients = source.jpeg_read_coefficients();
        using RgbImage colours = decode(Extract(source, coefficients, isYcck ? J_COLOR_SPACE.JCS_YCbCr : J_COLOR_SPACE.JCS_RGB, [0, 1, 2]));
        using RgbImage blacks = decode(ExtractBlack(source, coefficients));

        // Files hold inks inverted, as Adobe's programs write them. YCC to RGB inverts once more.
        var image = new RgbImage(colours.Width, colours.Height, PixelMode.Cmyk);
        Span<byte> pixels = image.Pixels;
        colours.Pixels.CopyTo(pixels);
        ReadOnlySpan<byte> black = blacks.Pixels;
        byte inversion = isYcck ? (byte)0 : byte.MaxValue;
        for (int i = 0; i < pixels.Length; i += RgbImage.PixelBytes)
        {
            pixels[i] ^= inversion;
            pixels[i + 1] ^= inversion;
            pixels[i + 2] ^= inversion;
            pixels[i + Black] = (byte)~black[i + 2];
        }

        return image;
    }

    // Black at full resolution is a grey image. At less it needs one beside it whose resolution is full.
    private static byte[] ExtractBlack(jpeg_decompress_struct source, jvirt_array<JBLOCK>[] coefficients)
    {
        jpeg_component_info[] components = source.Comp_info;
        int full = Array.FindIndex(components, component => Samples(component) == components.Max(Samples));
        return Samples(components[Black]) == Samples(components[full])
            ? Extract(source, coefficients, J_COLOR_SPACE.JCS_GRAYSCALE, [Black])
            : Extract(source, coefficients, J_COLOR_SPACE.JCS_RGB, [full, Black, Black]);

        static int Samples(jpeg_component_info component) => component.H_samp_factor * component.V_samp_factor;
    }

    private static byte[] Extract(jpeg_decompress_struct source, jvirt_array<JBLOCK>[] coefficients, J_COLOR_SPACE colours, int[] which)
    {
        var target = new jpeg_compress_struct(new SilentErrors());
        var stream = new MemoryStream();
        target.jpeg_stdio_dest(stream);
        source.jpeg_copy_critical_parameters(target);
        target.In_color_space = colours;
        target.jpeg_set_colorspace(colours);
        for (int i = 0; i < which.Length; i++)
        {
            (jpeg_component_info from, jpeg_component_info to) = (source.Comp_info[which[i]], target.Component_info[i]);
            (to.H_samp_factor, to.V_samp_factor, to.Quant_tbl_no) = (from.H_samp_factor, from.V_samp_factor, from.Quant_tbl_no);
        }

        target.Optimize_coding = true; // The standard tables lack codes that 12-bit and progressive files need.
        target.jpeg_write_coefficients([.. which.Select(component => coefficients[component])]);
        target.jpeg_finish_compress();
        return stream.ToArray();
    }

    // From the frame's header: C0 to CF, but for tables, extensions and arithmetic conditioning.
    private static int CountComponents(ReadOnlySpan<byte> file)
    {
        const int componentsAt = 9;
        for (int at = 2; at + componentsAt < file.Length && file[at] == 0xFF;)
        {
            byte marker = file[at + 1];
            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
            {
                return file[at + componentsAt];
            }

            at += marker == 0xFF ? 1 : 2 + ((file[at + 2] << 8) | file[at + 3]);
        }

        return 0;
    }

    // The library's own writes to the console.
    private sealed class SilentErrors : jpeg_error_mgr
    {
        public override void emit_message(int msg_level)
        {
        }

        public override void output_message()
        {
        }
    }
}
