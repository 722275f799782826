using System.IO.Compression;
using SkiaSharp;

namespace HiMo.MLNet.Samples.Scenes;

/// <summary>Draws scenes out of the sample drawings, at any size. May be used by many threads at a time.</summary>
internal sealed class SceneRenderer
{
    private readonly Dictionary<Noun, (SKImage Trained, SKImage HeldOut)> _drawings;

    private SceneRenderer(Dictionary<Noun, (SKImage, SKImage)> drawings) => _drawings = drawings;

    /// <param name="zip">The archive of the sample drawings.</param>
    /// <exception cref="InvalidDataException">A drawing is missing.</exception>
    public static SceneRenderer Load(string zip)
    {
        using ZipArchive archive = ZipFile.OpenRead(zip);
        using var table = new StreamReader(archive.GetEntry("emoji.tsv")!.Open());
        ILookup<string, (string Path, string Split)> drawings = table.ReadToEnd().Split('\n').Select(line => line.TrimEnd('\r').Split('\t'))
            .Where(fields => fields.Length == 5).ToLookup(fields => fields[3], fields => (fields[0], fields[4]));
        return new(SceneVocabulary.Nouns.ToDictionary(noun => noun, noun => (Read(noun, "train"), Read(noun, "test"))));

        SKImage Read(Noun noun, string split)
        {
            string path = drawings[noun.Drawing].FirstOrDefault(d => d.Split == split).Path
                ?? throw new InvalidDataException($"'{zip}': expected a drawing '{noun.Drawing}' of split '{split}', found none.");
            using Stream entry = archive.GetEntry(path)!.Open();
            using var bytes = new MemoryStream();
            entry.CopyTo(bytes);
            return CutOut(bytes.ToArray());
        }
    }

    /// <summary>The scene as a PNG file.</summary>
    /// <param name="scene">What to draw.</param>
    /// <param name="size">The side of the image, in pixels.</param>
    public byte[] Png(Scene scene, int size)
    {
        using SKBitmap bitmap = Draw(scene, size);
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    /// <summary>The scene as pixels.</summary>
    /// <inheritdoc cref="Png"/>
    public SKBitmap Draw(Scene scene, int size)
    {
        var bitmap = new SKBitmap(size, size, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(scene.Background.Above);
        using var paint = new SKPaint { Color = scene.Background.Below };
        canvas.DrawRect(0, size * 0.5f, size, size, paint);
        float width = size / 24f;                                             // of the frame, which covers no object
        foreach (SceneObject o in scene.Objects)
        {
            SKImage drawing = scene.Split == SceneSplit.Test ? _drawings[o.Noun].HeldOut : _drawings[o.Noun].Trained;
            // Of its own for each object: without one the others stay where they are.
            Draw(canvas, o, drawing, width, (size / 2f) - width, new SceneRandom(scene.Seed, 3, (ulong)o.Place));
        }

        using var frame = new SKPaint { Color = scene.Frame.Value, IsStroke = true, StrokeWidth = width };
        canvas.DrawRect(width / 2, width / 2, size - width, size - width, frame);
        return bitmap;
    }

    private static void Draw(SKCanvas canvas, SceneObject o, SKImage drawing, float edge, float quarter, SceneRandom random)
    {
        float left = edge + (o.IsLeft ? 0 : quarter), top = edge + (o.IsTop ? 0 : quarter);
        float side = quarter * (o.Count > 1 ? 0.46f : o.Large ? 0.84f : 0.5f);
        canvas.Save();
        canvas.ClipRect(new(left, top, left + quarter, top + quarter));
        foreach ((float x, float y) in Centres(o.Count))
        {
            float jitterX = (float)((random.NextDouble() - 0.5) * 0.06), jitterY = (float)((random.NextDouble() - 0.5) * 0.06);
            canvas.Save();
            canvas.Translate(left + (quarter * (x + jitterX)), top + (quarter * (y + jitterY)));
            canvas.RotateDegrees((float)((random.NextDouble() - 0.5) * 16));
            canvas.Scale(random.NextBool() ? 1 : -1, 1);
            DrawTinted(canvas, drawing, o.Colour.Value, side);
            canvas.Restore();
        }

        canvas.Restore();
    }

    private static (float X, float Y)[] Centres(int count) => count switch
    {
        1 => [(0.5f, 0.5f)],
        2 => [(0.27f, 0.5f), (0.73f, 0.5f)],
        _ => [(0.5f, 0.28f), (0.27f, 0.72f), (0.73f, 0.72f)],
    };

    // A white rim keeps a green fox apart from a green meadow.
    private static void DrawTinted(SKCanvas canvas, SKImage drawing, SKColor tint, float side)
    {
        using var white = SKColorFilter.CreateBlendMode(SKColors.White, SKBlendMode.SrcIn);
        using SKColorFilter tinted = Tint(tint);
        using var rim = new SKPaint { ColorFilter = white, FilterQuality = SKFilterQuality.Medium };
        using var paint = new SKPaint { ColorFilter = tinted, FilterQuality = SKFilterQuality.Medium };
        float offset = side * 0.035f;
        foreach ((float x, float y) in (ReadOnlySpan<(float, float)>)[(-1, 0), (1, 0), (0, -1), (0, 1)])
        {
            canvas.DrawImage(drawing, Square(x * offset, y * offset, side), rim);
        }

        canvas.DrawImage(drawing, Square(0, 0, side), paint);
    }

    private static SKRect Square(float x, float y, float side) => new(x - (side / 2), y - (side / 2), x + (side / 2), y + (side / 2));

    // Shades of grey of the drawing become shades of the tint, from 30 % for black to brighter than itself for white.
    private static SKColorFilter Tint(SKColor tint)
    {
        const float Darkest = 0.3f, Range = 1.1f;
        float[] Row(byte channel) => [.. new[] { 0.299f, 0.587f, 0.114f }.Select(weight => weight * Range * channel / 255f), 0,
            Darkest * channel / 255f];
        return SKColorFilter.CreateColorMatrix([.. Row(tint.Red), .. Row(tint.Green), .. Row(tint.Blue), 0, 0, 0, 1, 0]);
    }

    /// <summary>The drawing without the white around it, which begins at its edges.</summary>
    private static SKImage CutOut(byte[] png)
    {
        using var decoded = SKBitmap.Decode(png);
        using var bitmap = new SKBitmap(decoded.Width, decoded.Height, SKColorType.Rgba8888, SKAlphaType.Premul);
        using (var canvas = new SKCanvas(bitmap))
        {
            canvas.DrawBitmap(decoded, 0, 0);
        }

        int width = bitmap.Width, height = bitmap.Height;
        Stack<(int X, int Y)> open = new(Enumerable.Range(0, width).SelectMany(x => new[] { (x, 0), (x, height - 1) })
            .Concat(Enumerable.Range(0, height).SelectMany(y => new[] { (0, y), (width - 1, y) })));
        while (open.TryPop(out (int X, int Y) at))
        {
            if (at.X < 0 || at.Y < 0 || at.X >= width || at.Y >= height
                || bitmap.GetPixel(at.X, at.Y) is not { Alpha: 255, Red: > 232, Green: > 232, Blue: > 232 })
            {
                continue;
            }

            bitmap.SetPixel(at.X, at.Y, SKColors.Transparent);
            foreach ((int x, int y) in (ReadOnlySpan<(int, int)>)[(1, 0), (-1, 0), (0, 1), (0, -1)])
            {
                open.Push((at.X + x, at.Y + y));
            }
        }

        return SKImage.FromBitmap(bitmap);
    }
}
