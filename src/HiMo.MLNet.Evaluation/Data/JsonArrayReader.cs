using System.Text.Json;

namespace HiMo.MLNet.Data;

/// <summary>
/// The elements of a JSON array, one at a time, from a file of any size: the array that is the whole file, or the one that
/// is a property of the file's object. No more is held than one element, and that is bounded (<see cref="ClipLimits.RowLength"/>),
/// neither of which JsonSerializer's streams offer.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="property">The property of the file's object that is the array, or <see langword="null"/> when the file is the
/// array.</param>
internal sealed class JsonArrayReader(string path, string? property) : IDisposable
{
    private readonly FileStream _file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0, FileOptions.SequentialScan);
    private readonly int _longest = ClipLimits.Current.RowLength;
    private byte[] _buffer = new byte[Math.Min(64 * 1024, ClipLimits.Current.RowLength)];
    private int _start;
    private int _end;
    private bool _isLast;
    private JsonReaderState _state;
    private Position _position = Position.Start;
    private long _elements;

    private enum Position
    {
        Start,
        InObject,
        AtArray,
        InArray,
        End,
    }

    /// <summary>Streams the elements; each is valid until the next is asked for.</summary>
    /// <param name="path">The file.</param>
    /// <param name="property">The property of the file's object that is the array, or <see langword="null"/> when the file is the
    /// array.</param>
    /// <exception cref="InvalidDataException">No such array, or no JSON.</exception>
    public static IEnumerable<(JsonElement Element, SourceLocation Source)> Read(string path, string? property = null)
    {
        using JsonArrayReader reader = new(path, property);
        while (reader.Next() is JsonDocument document)
        {
            using (document)
            {
                yield return (document.RootElement, SourceLocation.Element(path, reader._elements));
            }
        }
    }

    public void Dispose() => _file.Dispose();

    private JsonDocument? Next()
    {
        try
        {
            Fill();
            while (true)
            {
                Utf8JsonReader reader = new(_buffer.AsSpan(_start.._end), _isLast, _state);
                bool moved = TryAdvance(ref reader, out JsonDocument? element);
                _start += (int)reader.BytesConsumed;
                _state = reader.CurrentState;
                if (moved)
                {
                    _elements += element is null ? 0 : 1;
                    return element;
                }

                Fill();
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // A name that is no valid Unicode is an InvalidOperationException.
            throw SourceLocation.Element(path, _elements + 1).Error(error.Message, error);
        }
    }

    /// <summary>Goes to the next element, or to the end of the array. False when more of the file is needed.</summary>
    private bool TryAdvance(ref Utf8JsonReader reader, out JsonDocument? element)
    {
        element = null;
        while (_position != Position.End)
        {
            Utf8JsonReader before = reader;
            if (!reader.Read())
            {
                return false;
            }

            switch (_position)
            {
                case Position.Start when property is not null && reader.TokenType == JsonTokenType.StartObject:
                    _position = Position.InObject;
                    break;
                case Position.Start when property is null && reader.TokenType == JsonTokenType.StartArray:
                case Position.AtArray when reader.TokenType == JsonTokenType.StartArray:
                    _position = Position.InArray;
                    break;
                case Position.Start:
                    throw new JsonException($"Expected {(property is null ? "an array" : "an object")}, found {reader.TokenType}.");
                case Position.AtArray:
                    throw new JsonException($"Expected '{property}' to be an array, found {reader.TokenType}.");
                case Position.InObject when reader.TokenType == JsonTokenType.PropertyName:
                    _position = reader.CurrentDepth == 1 && reader.ValueTextEquals(property) ? Position.AtArray : Position.InObject;
                    break;
                case Position.InObject when reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth == 0:
                    throw new JsonException($"Expected a property '{property}' in the object, found none.");
                case Position.InArray when reader.TokenType == JsonTokenType.EndArray:
                    _position = Position.End;
                    break;
                case Position.InArray:
                    if (!JsonDocument.TryParseValue(ref reader, out element))
                    {
                        reader = before;
                        return false;
                    }

                    return true;
            }
        }

        return true;
    }

    /// <summary>Reads on, keeping what was not consumed. The buffer grows only when that fills it, up to the longest element
    /// allowed.</summary>
    private void Fill()
    {
        if (_isLast)
        {
            return;
        }

        if (_start > 0)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
        {
            TextRows.CheckLength(_end + 1L, SourceLocation.Element(path, _elements + 1), "bytes");
            Array.Resize(ref _buffer, (int)Math.Min(2L * _end, Math.Max(_longest, _end + 1)));
        }

        bool atStart = _file.Position == 0;
        int count = _file.ReadAtLeast(_buffer.AsSpan(_end), _buffer.Length - _end, throwOnEndOfStream: false);
        _isLast = count < _buffer.Length - _end;
        _end += count;
        if (atStart && _buffer.AsSpan(.._end).StartsWith("\uFEFF"u8))
        {
            _start = 3;
        }
    }
}
