using System.Reflection;
using System.Runtime.InteropServices;
using HiMo.MLNet.Cli;

namespace HiMo.MLNet.Tests.Samples;

public sealed class FailureTests
{
    public static TheoryData<Exception> NativeErrors { get; } =
    [
        new ExternalException("The size of tensor a (3) must match\nException raised from infer_size at …"),
        new AggregateException(new ExternalException("The size of tensor a (3) must match\nException raised")),
        new TargetInvocationException(new SEHException("The size of tensor a (3) must match")),
        new InvalidOperationException("Splitter/consolidator worker encountered exception", new AggregateException(new ExternalException("The size of tensor a (3) must match"))),
    ];

    [Theory]
    [MemberData(nameof(NativeErrors))]
    public void An_error_of_the_native_library_is_one_line_however_it_was_wrapped(Exception error) =>
        Assert.Equal(new Failure(1, "himo: The size of tensor a (3) must match"), Failure.Of(error));

    [Fact]
    public void What_names_a_file_sends_no_commands_to_the_terminal() =>
        Assert.Equal("himo: 'a\uFFFD[2Jb\uFFFD'", Failure.Of(new IOException("'a\u001b[2Jb\0'")).Text);

    [Fact]
    public void A_bug_keeps_its_stack_trace() => Assert.Contains(nameof(NullReferenceException), Failure.Of(new NullReferenceException()).Text, StringComparison.Ordinal);

    [Fact]
    public void An_option_of_the_library_is_told_as_the_command_line_has_it() =>
        Assert.Equal(new Failure(2, "himo: --batch-size must be at least 2"), Failure.Of(new ArgumentException("HiMoClipOptions.BatchSize must be at least 2", "HiMoClipOptions.BatchSize")));
}
