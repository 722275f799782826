using HiMo.MLNet.Data;

namespace HiMo.MLNet.Tests.Data;

[Collection(MeasuresMemory.Name)]
public sealed class StreamingMemoryTests
{
    [Fact]
    public void Streams_a_large_array()
    {
        using TemporaryFolder folder = new();

        // 40 MB in the file; reading it takes a small part of that at any time.
        string file = folder.At("large.json");
        using (StreamWriter writer = new(file))
        {
            string caption = new('x', 1_000);
            for (int i = 0; i < 40_000; i++)
            {
                writer.Write($$"""{{(i == 0 ? '[' : ',')}}{"image": "{{i % 10}}/{{i}}.jpg", "conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "{{caption}}"}]}""");
            }

            writer.Write(']');
        }

        long before = GC.GetTotalMemory(forceFullCollection: true), most = 0;
        int count = 0;
        foreach (CaptionedImage image in DataSets.Open(file))
        {
            if (++count % 5_000 == 0)
            {
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true));
            }
        }

        Assert.Equal(40_000, count);
        Assert.InRange(most - before, long.MinValue, 8_000_000);
    }
}
