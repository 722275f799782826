using System.IO.Compression;

namespace HiMo.MLNet.Tests.Checkpoints;

/// <summary>
/// Checkpoint files whose pickles were written by Python's own pickler (zlib-compressed here). All hold the same
/// training checkpoint: numbers, texts and lists of every kind, an optimizer's state, and a <c>state_dict</c> of
/// <c>module.matrix</c> = [[1, 2, 3], [4, 5, 6]], <c>module.turned</c> (its transpose, a parameter over the same
/// storage), <c>module.tail</c> = [5, 6] (the end of that storage), <c>module.half</c> = [0.5, −0.5] and
/// <c>module.count</c> = 7 (int64).
/// </summary>
internal static class PythonPickles
{
    internal static byte[] Zip(int protocol) => Expand(protocol == 2 ? ZipProtocol2 : ZipProtocol5);

    internal static byte[] Legacy(int protocol) => Expand(protocol == 2 ? LegacyProtocol2 : LegacyProtocol4);

    private static byte[] Expand(string text)
    {
        using var stream = new ZLibStream(new MemoryStream(Convert.FromBase64String(text)), CompressionMode.Decompress);
        var expanded = new MemoryStream();
        stream.CopyTo(expanded);
        return expanded.ToArray();
    }

    private const string ZipProtocol2 =
        "eNp1VE1sG0UU3h/HSbYtv0lo+G8p4BBwEpefFmgdoNQlU1pnC9JeImu9Hryrrr3+dmajgGQpl7ilEmduqNdyKgckjpEqcYIKOCBxrhAXEMceOISZWSdrr9SR" +
        "n7Tz/L7vvffNm6kTszCjpeuY9t3sYPdbU9OkWcLTWWq53C33robbRh9ayZkQTtqLPB86MZ2C2IURYzBq1V9SDuXruh0K05kSn/GdWyzp3LmFgiM4tWbQxsSN" +
        "6WFCbVU5u7SN4tp/e3t7jiG20VVMXk95oi7F1CWVtUm5yzBdq/79k1w/16r/3r/7x9y1xQEsFRAGjDMc2sDhEtE3cKREDEcX/i08RKkju2Hc5bTRCjyOhz0v" +
        "CkPq8SDqMuty3KIxbZ0T/1h4ZMHGoyXniGw/aiUhLXdcHgdbeMzjUez55UbCg5BZjZg2kyBsNTjtsihubFYsPF4qOZMqUxS7bYqZFGKdDyOXX0mdFmZVXcuY" +
        "U917vQRPkCLH0XWiEYOYA8wTk+gDPPmlL4t5iuNpG8+MVsSTuEtbePYBFfXcWJwAp7GF53xRkz/jz/pzvsryvMxiEmOAY0SXyY6nWV7gOGHjxetq89I1vGyj" +
        "5BwaSekGIRbybK+skwIxdrBI9B28mjK9xlG2sTQK9t3wMyyn4KEkF4TrQJEVpcgKKoLV4DgpavQX/SHf6xxv2HjTOZzxeVHS5XhrjPBi1G0fEJ5ShBWcFoQ6" +
        "x9uCcGEhpXuH410bZ5I+zjpyEBtCKVeOOap9rDpyLPFeH++rg9ykMRMjgg+IzhhrKkDU40En+ILGONfHh+mdUKOF833UiNbHBYWlW72Gu9nGR3nR1uQRFHdA" +
        "9ju8yPGxjUuMqR7V6TXacZT0GC5voN7HekndjDCGXTt7+8f7N7//5yunuB/LcGUDnxDNTdwkKdfHbvTOmXvzMlCaOpCl5uecRnLgw4DzkI6Hn/jz9PxR8SVt" +
        "6uABWFrWtO2qvK/iJ2xb2E1hu6vj6Bv1wV15bwvj6BXtlPbDeGTv97+iqWHUSGRlchgxHv3rN+1PZf/SplX08FxOWnWiGzPmg1+w/bUt52HkPcvj8jpluN/M" +
        "MdXywLxiGVAvZPrlUXmlMlQ1Q63kUXnVMlSQoSp5VF69DPV1YUTLOpmQzQsFitqaUGtX1qb9D+Z0dSU=";

    private const string ZipProtocol5 =
        "eNp1lD9s00AUxs92kjZNWapSWgEDEkMqpNCmCwzQDoiiGkEoqpiQ5SRHbNX2Wb5zVZAqZUlaqmPqdUVdKzGwILGBVIkJKliQmBFioWJCHRjKOzep/6ic8pyz" +
        "7/2+e/f5zjVdy42i43YJLe29cpEGXYgh+HOvNk1mVvxlp53f/qMep62JMs9jnzQsoWs85xBKxfzs5+NBnvNMFws+GOzt0tDd2xVcq9stsVnsTYLmuObhllj4" +
        "e3R0xFWyLDaAIR4W93i+jpkpxX59lO3T/Ozvw/1vY+tXuoLnHZsyKh6Lsq7Ii8qVVYExH6LMZNho2g0meKlBHAc3mE08Cnf3gyYOcPOWHNsSk4tQ+BmXNEMH" +
        "V1yTBfaq4MOMBA2rYoTMdgAZMQJcD22naTDsURIYK1Ugy2U+QCHRbMHK8hEB5G2HmOxh7/GW4MoUrLXhh0IvMPFAR7qqa12wSFe64rk1AtMzsShOKmBh4OGm" +
        "sM4mJvXNANxjOAA961y5bI1b560L1sW+oqaroKhI3VhxI+qtS+1SX9u0nVMEcrraAbyTLKePWKbzpI9M8NIduE2ubVqAiBpVYVWtmYTAcE+gQUKPJRTuEq+V" +
        "VKhKBSVSmJyM+XBN8KIBizblVhNwh+RlYAUHFF4jlEsprfMi8Znt2s/Ammj/RW8dujqSyXjVN8yV1qmeFToiWS+lfDiy2WgFJPTljpKCqhOI+ZuvPxzuvDl4" +
        "wQtRhhzTkRmaYVippc5J58b3iQL0ZJSic1J/yjCR282xGXNwOv3yj+sT49CTMXhyrK5OIdSelScCfhBtiB2I93NperPW3c9BL5emp9E19Dad6X/9SQZ7WYnM" +
        "6kAvI5395WVrSR5pGcUou+f5zFBNV9RR7f/fhX5rKyj1lchyWZ9irqylXMuCWcdi8JEW+5elsk7F1HZMTWeprGsx9S6mqlkq615MHWgJL2t6Xi4eHCigBXBr" +
        "TNaG/gEdWHxy";

    private const string LegacyProtocol2 =
        "eNp1U0uP1EYQ9mN2FgyER2AT8oJAIN5sMoHNi7yYhcAO0LCwJgdfRpbX0xk78bjn626vNpEs7WWXDVL+QQ4cwy0XpBwjIXEClCs/ASkoR4SCtLTbHliEaLlt" +
        "d3XVV1VfVS1bV5308e+zj/b/+Melva1l68J9W70LGK6/wzCMIWeSRSwNFikXCctgKgV/m7pJEylTGtCsl4QZrDXfUUL585AGIvmFCtgFGq4/poQiZlxijFi+" +
        "rU5JJtEkDb9RYrCsj3HSyPORz1KfDlkUwyR2rSMErE77H0MvLcvCAYXtb1K//OZ1kQ9uXkdDoy8kfYxd3WzUa0YLM9pH89z/6+vrvqWO7CeMr1U4LKPYNKe9" +
        "LlAZCmzutP+9Xa47nfZ/D+/em7gytQpHK6SJkAJbutjqErOLba5KyFTyJbxCqc5eyFDSoJdEEtsjRVpKI6k4E85F3qOc9k6pGwc7Jj3sdDWHA9bLU9oahJIn" +
        "S9gVScajuBXkMkmFE3C6kCdpL5A0E4wHi9MOXnVdf1x7YjzsU+yuTJzZlIXyciV0sEfHdQQTOvtomOM10pyTeH2eGMQi9ir2EpuYq3jj17iM5k2Jtzy8vTEk" +
        "mfOM9vDOS0IahlyVQFLuYF+sgop3x3viibhys790YxNrFe8Ss/R2oHJzUOI9D4fW9OHwFbzvwfW3bPAZJikmX4D7YJ40iLWCKWKu4MMK6iOJloePN1rHYfoD" +
        "jlTWNStnlOgpKUc1KUcxrWAtBfuJijKeimvATyU+8/C5v/UZYMRy1apfPId4XjXsU8RjGnEaXypEUyF+pRAnJyu8ryW+8fBtXuC4X3ZjoNgKe6EM0S4w45e9" +
        "iRMFTupqjmbrO2IKIRa0ARvKZKAGieNUgdP1IJX9hdkCHWIUOKNt6dIwCBf7OPsCb+fKMjRXQEY5npe44GFOCJ2lLmHQ5ywfClzs4lKBeVfPR8rhdY7/eevh" +
        "tRsPfvObI12By118T4wwD/W8dst5rRrNrLm1akZs2mqORtBYbpeDqB61l9W+pvbfM9bo+pjxl1n/jtffJ/cETfw=";

    private const string LegacyProtocol4 =
        "eNptk89rFDEUx+fXbu0v0II/igoetwiLrhdPtgdpxdGq9eJFhuxM3IlmJ0OSKVUo7KU/LPHU15uHHu3Ni+BRKHhS8eqfICgei1SoL7uz3T00TCbJ5L1P3nv5" +
        "TifYmXR6bWuM/3s7//fK83cPp+udYCcov9//6dvlk3K5CjVzOpdCi1jwaJlKxUQGaGQmOdOa04hmCSMZbJox/TKnkWKvqALrVlGpkBpCz/gswzEwARdZCydF" +
        "YY849AZHVGgu4hRC39ooBQuz33ubJshIm4I5Jff3VNHe3wPjN1kLtkbLAJ0542e0BXcPj46OjCdeYCRBJjIKi6bSpJpY2K8vtn1dmP1z8O3HuY2r62AqnCmt" +
        "4CnUQte+POOuAKVmTGmiaZSwWIMZx6Q5jTXmrHD1QCZU0uS23duGmSUMfLItkoLTeptoyVbATGgh47QeFZpxdJmKJG0WjCeRppkSMlpuoGetZkYUGpIWZlbp" +
        "eqDnPBdEPy4/b4Nxr2GucV5AWF3U8Ch0Qi/017FGobsOr9MpPF/DEhyHoAuZ0QTSs0On5kRi+TSVCEzP12rphfRieim9fIz0Qw+RrgUPkJvd2YaFj/fhhPGT" +
        "CEHoraH/2nBAfZ+U8Gd9n2kzfgeXw+ldB6R4vTjSRnpjiDBREmJRoHIGiHuon2FEwyLcHmJmZgAoVsGMRpg4SYgmqEbj2NdIX7+hq5RqmlGRa9ZGwcpSsPbq" +
        "cRo61piu5BFZbp1ct+oaDEeslJno1jpqSVHkVleW6HEJC7fefz7Y/fD7jal2Lexe6JCC9P6CM6WMUYPdG8ey2LxovdoXuNOZtTLHB3sH+y72T3Nef/um89Et" +
        "pyPl+B8mB13Y";
}
