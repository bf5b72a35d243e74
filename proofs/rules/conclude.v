(** Rule *conclude*: from functionals of the outputs to the claim's quantity on one leaf. Spec: rules.md#conclude;
    conclude.py of the other kernel. *)
From Coq Require Import String ZArith Reals QArith Qreals List Bool Lia Lra.
From Flocq Require Import Core.
From Certify Require Import vectors syntax floats maps plans semantics result.
From Certify.rules Require Import domain.
Import ListNotations.
Open Scope bool_scope.
Open Scope Z_scope.

(** ** Rows of the quantity *)

(** What a row is on: f, g, f - g, or f and g side by side (2n columns). *)
Inductive side := OnF | OnG | OnDifference | OnBoth.

(** Integer rows; each bounds the quantity's own row times the unit. *)
Record rows := { rw_matrix : list (list Z); rw_on : side; rw_unit : Q }.

Definition is_float_type (t : dtype) : bool := match t with F2 | F4 | F8 => true | _ => false end.

Definition floats_ok (s : store) (t n : nat) : bool :=
  is_float_type (t_type (tensor_at s t)) && Nat.eqb (t_count (tensor_at s t)) n.

Definition has_g (c : claim) : bool := match cl_g c with Some _ => true | None => false end.

(** The classes of the parts, for margins and decisions. *)
Definition labels_ok (s : store) (c : claim) (t n_out count : nat) : result unit :=
  _ <- need "one-output" (2 <=? n_out)%nat;;
  _ <- need "one-network" (has_g c);;
  _ <- need "shape" (Nat.eqb (t_count (tensor_at s t)) count);;
  l <- get "tensor" (integers (tensor_at s t));;
  need "index-range" (forallb (fun k => (0 <=? k) && (k <? Z.of_nat n_out)) l).

Definition check_form (s : store) (c : claim) (n_out count : nat) : result unit :=
  match cl_quantity c with
  | WValue _ modulo => need "one-output" (negb modulo || (2 <=? n_out)%nat)
  | WOutput j => need "index-range" (j <? n_out)%nat
  | WFunctional t | WUpper t => need "shape" (floats_ok s t n_out)
  | WLeast f g limits =>
      _ <- need "denominator" (forallb (fun r => 1 <=? snd r) limits && negb (Nat.eqb (List.length limits) 0));;
      _ <- need "shape" (floats_ok s f (List.length limits * n_out));;
      _ <- need "one-network" (match g with GNone => true | _ => has_g c end);;
      need "shape" (match g with GTensor t => floats_ok s t (List.length limits * n_out) | _ => true end)
  | WMargin t | WDecision t => labels_ok s c t n_out count
  end.

(** What a claim says of its quantity and threshold is well formed; [count] parts. *)
Definition check_quantity (s : store) (c : claim) (n_out count : nat) : result unit :=
  _ <- check_form s c n_out count;;
  _ <- need "denominator" (1 <=? snd (cl_threshold c));;
  need "threshold" (match cl_quantity c with WValue L2 _ => 0 <=? fst (cl_threshold c) | _ => true end).

(** *** Dyadics as integers over one power of two *)

Fixpoint zero_bits (p : positive) : Z := match p with xO q => Z.succ (zero_bits q) | _ => 0 end.

(** The exponent of the least bit of a nonzero entry. *)
Definition least_bit (p : dyadic) : option Z :=
  match fst p with Z0 => None | Zpos m | Zneg m => Some (snd p + zero_bits m) end.

(** The least of them over entries; 0 if all are zero. *)
Definition least_exponent (l : list dyadic) : Z :=
  match fold_left (fun least p =>
    match least, least_bit p with
    | None, b => b
    | a, None => a
    | Some a, Some b => Some (Z.min a b)
    end) l None with Some e => e | None => 0 end.

Definition whole (least : Z) (l : list dyadic) : list Z := map (fun p => Z.shiftl (fst p) (snd p - least)) l.

Definition pow2_q (h : Z) : Q := if 0 <=? h then inject_Z (2 ^ h) else Qmake 1 (Z.to_pos (2 ^ (- h))).

(** *** The rows of each form *)

(** k e_j - m, of n entries. *)
Definition basis_row (n j : nat) (k m : Z) : list Z := map (fun i => (if Nat.eqb i j then k else 0) - m) (seq 0 n).

(** e_j - e_c *)
Definition margin_row (n j : nat) (class : Z) : list Z :=
  map (fun i => (if Nat.eqb i j then 1 else 0) - (if Z.of_nat i =? class then 1 else 0)) (seq 0 n).

Definition margin_rows (n : nat) (class : Z) : list (list Z) :=
  map (fun j => margin_row n j class) (filter (fun j => negb (Z.of_nat j =? class)) (seq 0 n)).

(** f x y for all x before y, in lexicographic order. *)
Fixpoint pairs_of {A B} (f : A -> A -> B) (l : list A) : list B :=
  match l with [] => [] | x :: t => map (f x) t ++ pairs_of f t end.

(** Rows of `least` up to which sums of pairs are bounded too: their number grows with the square. *)
Definition paired_rows : nat := 16.

Definition pairs_if {A B} (f : A -> A -> B) (l : list A) : list B :=
  if (List.length l <=? paired_rows)%nat then pairs_of f l else [].

Definition least_rows (s : store) (n k : nat) (f : nat) (g : on_g) : result rows :=
  a <- floats_at s f (k * n);;
  b <- match g with GTensor t => floats_at s t (k * n) | _ => Ok [] end;;
  let e := least_exponent (a ++ b) in
  let left := chunk k n (whole e a) in
  let single := match g with GTensor _ => map2 (@app Z) left (chunk k n (whole e b)) | _ => left end in
  Ok {| rw_matrix := single ++ pairs_if addl single;
        rw_on := match g with GNone => OnF | GOpposite => OnDifference | GTensor _ => OnBoth end;
        rw_unit := pow2_q (- e) |}.

Definition on_difference (matrix : list (list Z)) (unit : Q) : rows :=
  {| rw_matrix := matrix; rw_on := OnDifference; rw_unit := unit |}.

(** The rows of the claim's quantity, whose upper bounds [combine] joins; [class] is the part's. *)
Definition quantity_rows (s : store) (c : claim) (n_out : nat) (class : Z) : result (list rows) :=
  match cl_quantity c with
  | WValue _ modulo =>
      let k := if modulo then Z.of_nat n_out else 1 in
      let plus := map (fun j => basis_row n_out j k (if modulo then 1 else 0)) (seq 0 n_out) in
      Ok [on_difference (plus ++ map (map Z.opp) plus) (inject_Z k)]
  | WOutput j =>
      let plus := basis_row n_out j 1 0 in
      Ok [on_difference [plus; map Z.opp plus] 1]
  | WFunctional t =>
      l <- floats_at s t n_out;;
      let e := least_exponent l in
      let row := whole e l in
      Ok [on_difference [row; map Z.opp row] (pow2_q (- e))]
  | WUpper t =>
      l <- floats_at s t n_out;;
      let e := least_exponent l in
      Ok [on_difference [whole e l] (pow2_q (- e))]
  | WLeast f g limits => r <- least_rows s n_out (List.length limits) f g;; Ok [r]
  | WMargin _ => Ok [on_difference (margin_rows n_out class) 1]
  | WDecision _ =>
      let m := margin_rows n_out class in
      Ok [{| rw_matrix := m; rw_on := OnF; rw_unit := 1 |}; {| rw_matrix := m; rw_on := OnG; rw_unit := 1 |}]
  end.

(** How many functionals a leaf bounds: all of [quantity_rows]. *)
Definition row_count (c : claim) (n_out : nat) : nat :=
  match cl_quantity c with
  | WValue _ _ => 2 * n_out
  | WOutput _ | WFunctional _ => 2
  | WUpper _ => 1
  | WLeast _ _ limits =>
      let k := List.length limits in k + (if (k <=? paired_rows)%nat then k * (k - 1) / 2 else 0)
  | WMargin _ => n_out - 1
  | WDecision _ => 2 * (n_out - 1)
  end%nat.

(** ** Where a row starts *)

(** The first block d = f - g of the outputs, one to one. *)
Fixpoint output_pair (i : nat) (blocks : list block) (f g : nat) : option (nat * Z) :=
  match blocks with
  | [] => None
  | b :: t =>
      match pair_of b with
      | Some (u, w, None) =>
          if Nat.eqb u f && Nat.eqb w g then Some (i, bk_delta b) else output_pair (S i) t f g
      | _ => output_pair (S i) t f g
      end
  end.

Definition scale_of (blocks : list block) (b : nat) : Z := bk_scale (nth b blocks no_block).

Definition same_scale (blocks : list block) (f g : nat) : result unit :=
  need "scale" (scale_of blocks f =? scale_of blocks g).

(** What a on f and b on g have in common, to be put on f - g: entry by entry. *)
Definition common (a b : Z) : Z := pospart (Z.min a (- b)) + negpart (Z.max a (- b)).

(** A row a . f + b . g. A difference has the finer scale: coefficients of the others are brought to it, exactly. *)
Definition start_both (blocks : list block) (f g : nat) (row : list Z) : result (list (nat * list Z) * Z) :=
  let n := bk_size (nth f blocks no_block) in
  let a := firstn n row in
  let b := skipn n row in
  let scale := scale_of blocks f in
  if Nat.eqb f g then Ok ([(f, addl a b)], scale) else
  _ <- same_scale blocks f g;;
  match output_pair 0 blocks f g with
  | None => Ok ([(f, a); (g, b)], scale)
  | Some (p, finer) =>
      let m := map2 common a b in
      let finely := map (fun x => Z.shiftl x finer) in
      Ok ([(p, m); (f, finely (addl a (map Z.opp m))); (g, finely (addl b m))], scale + finer)
  end.

(** Coefficients of the negated row on blocks, times 2^c, and the scale of the blocks. *)
Definition start (blocks : list block) (out_f : nat) (out_g : option nat) (on : side) (row : list Z) (c : Z) :
    result (list (nat * list Z) * Z) :=
  let negated := map (fun x => Z.shiftl (- x) c) row in
  let scale := scale_of blocks out_f in
  match on, out_g with
  | OnF, _ | OnDifference, None => Ok ([(out_f, negated)], scale)
  | OnG, None | OnBoth, None => Reject "one-network"
  | OnG, Some g => Ok ([(g, negated)], scale_of blocks g)
  | OnBoth, Some g => start_both blocks out_f g negated
  | OnDifference, Some g =>
      if Nat.eqb out_f g then Ok ([(out_f, map (fun _ => 0) negated)], scale) else
      _ <- same_scale blocks out_f g;;
      match output_pair 0 blocks out_f g with
      | Some (p, finer) => Ok ([(p, negated)], scale + finer)
      | None => Ok ([(out_f, negated); (g, map Z.opp negated)], scale)
      end
  end.

(** ** What the rows' bounds say of the quantity *)

(** The claim's relation between a bound and its threshold. *)
Definition holds (c : claim) (bound threshold : Q) : bool :=
  if cl_strict c then negb (Qle_bool threshold bound) else Qle_bool bound threshold.

Definition greatest (l : list Q) : Q := match l with [] => 0%Q | u :: t => fold_left max_q t u end.

(** In lowest terms. *)
Definition lowest (v : Q) : Q :=
  let g := Z.gcd (Qnum v) (Zpos (Qden v)) in Qmake (Qnum v / g) (Z.to_pos (Zpos (Qden v) / g)).

(** A rational at most 2^-60 (relative) above the square root; of a rational in lowest terms. *)
Definition root_above (square : Q) : Q :=
  let v := lowest square in
  if Qnum v =? 0 then 0%Q else
  let k := 128 + Z.max 0 (Z.log2 (Zpos (Qden v)) - Z.log2 (Qnum v)) in
  let w := Z.shiftl (Qnum v) (2 * k) / Zpos (Qden v) in
  Qmake (Z.sqrt w + 1) (Z.to_pos (Z.shiftl 1 k)).

(** Of each |d_j| from bounds of d_j and -d_j. *)
Definition sizes (uppers : list Q) : list Q :=
  let n := (List.length uppers / 2)%nat in map (max_q 0) (map2 max_q (firstn n uppers) (skipn n uppers)).

(** Bounds of a row above its limit, and half of a pair's: the smaller of two is at most their mean. *)
Definition least_candidates (limits : list Q) (uppers : list Q) : list Q :=
  let k := List.length limits in
  map2 sub_q (firstn k uppers) limits
  ++ map2 (fun u t => Qmult (sub_q u t) (1 # 2)) (skipn k uppers) (pairs_if add_q limits).

(** (exact upper bound of the quantity, whether it satisfies the claim) from the rows' upper bounds. *)
Definition combine (c : claim) (uppers : list Q) : Q * bool :=
  let t := ratio_q (cl_threshold c) in
  let judged bound := (bound, holds c bound t) in
  match cl_quantity c with
  | WValue L1 _ => judged (sum_q (sizes uppers))
  | WValue L2 _ =>
      let square := sum_q (map (fun u => Qmult u u) (sizes uppers)) in
      (root_above square, holds c square (Qmult t t))
  | WLeast _ _ limits =>
      match least_candidates (map ratio_q limits) uppers with
      | [] => (0%Q, false)
      | u :: rest => judged (fold_left min_q rest u)
      end
  | _ => judged (greatest uppers)
  end.

(** ** Where rows start means the negated row *)

Open Scope R_scope.

Definition output_of (blocks : list block) (vals : list (list R)) (b : nat) : list R :=
  map (fun v => v * pow2 (- scale_of blocks b)) (values vals b).

(** g; zero if there is none. *)
Definition other_of (blocks : list block) (vals : list (list R)) (out_f : nat) (out_g : option nat) : list R :=
  match out_g with Some g => output_of blocks vals g | None => repeat 0 (length (values vals out_f)) end.

(** What the rows of a side are multiplied with. *)
Definition quantity_vector (on : side) (f g : list R) : list R :=
  match on with OnF => f | OnG => g | OnDifference => map2 Rminus f g | OnBoth => f ++ g end.

(** The value of coefficients on blocks. *)
Definition started (cs : list (nat * list Z)) (vals : list (list R)) : R :=
  fold_right (fun p acc => dot (snd p) (values vals (fst p)) + acc) 0 cs.

Lemma dotR_scale k a : forall v, dotR a (map (fun x => x * k) v) = dotR a v * k.
Proof. induction a as [|x a IH]; intros [|y v]; simpl; try lra. rewrite IH. lra. Qed.

Lemma dotR_scale_left k a : forall v, dotR (map (fun x => x * k) a) v = dotR a v * k.
Proof. induction a as [|x a IH]; intros [|y v]; simpl; try lra. rewrite IH. lra. Qed.

Lemma dot_scale k c v : dot c (map (fun x => x * k) v) = dot c v * k.
Proof. apply dotR_scale. Qed.

Lemma dot_negated c row v : (0 <= c)%Z -> dot (map (fun x => Z.shiftl (- x) c) row) v = - dot row v * pow2 c.
Proof.
  intros C. revert v. induction row as [|x row IH]; intros [|y v]; try (unfold dot; simpl; lra).
  cbn [map]. rewrite !dot_cons, IH, shiftl_IZR, opp_IZR by assumption. lra.
Qed.

Lemma dot_shiftl c row v : (0 <= c)%Z -> dot (map (fun x => Z.shiftl x c) row) v = dot row v * pow2 c.
Proof.
  intros C. revert v. induction row as [|x row IH]; intros [|y v]; try (unfold dot; simpl; lra).
  cbn [map]. rewrite !dot_cons, IH, shiftl_IZR by assumption. lra.
Qed.

Lemma dot_zero (row : list Z) : forall v, dot (map (fun _ => 0%Z) row) v = 0.
Proof. induction row as [|x row IH]; intros [|y v]; try (unfold dot; simpl; lra). cbn [map]. rewrite dot_cons, IH. lra. Qed.

Lemma dotR_minus a : forall f g, length f = length g -> dotR a (map2 Rminus f g) = dotR a f - dotR a g.
Proof.
  induction a as [|x a IH]; intros [|y f] [|z g] L; try discriminate; simpl; try lra.
  rewrite IH by (injection L; auto). lra.
Qed.

Lemma dotR_app f : forall a g, dotR a (f ++ g) = dotR (firstn (length f) a) f + dotR (skipn (length f) a) g.
Proof.
  induction f as [|y f IH]; intros [|x a] g; simpl; try lra.
  rewrite IH. lra.
Qed.

Lemma dot_app n a f g : length f = n -> dot a (f ++ g) = dot (firstn n a) f + dot (skipn n a) g.
Proof. intros <-. unfold dot. rewrite dotR_app, firstn_map, skipn_map. reflexivity. Qed.

Lemma minus_zeros f : map2 Rminus f (repeat 0 (length f)) = f.
Proof. induction f as [|x f IH]; simpl; [reflexivity|]. rewrite IH, Rminus_0_r. reflexivity. Qed.

Lemma dot_difference m delta : forall f g d, difference_means delta None f g d ->
  dot m d = (dot m f - dot m g) * pow2 delta.
Proof.
  intros f g d (L1 & L2 & E). simpl in *. rewrite E. assert (L : length f = length g) by congruence. clear E L1 L2.
  revert m g L. induction f as [|x f IH]; intros [|a m] [|y g] L; try discriminate; try (unfold dot; simpl; lra).
  cbn [map2]. rewrite !dot_cons, IH by (injection L; auto). lra.
Qed.

Lemma output_pair_ok f g p delta : forall blocks i, output_pair i blocks f g = Some (p, delta) ->
  (i <= p < i + length blocks)%nat
  /\ pair_of (nth (p - i) blocks no_block) = Some (f, g, None) /\ bk_delta (nth (p - i) blocks no_block) = delta.
Proof.
  induction blocks as [|b blocks IH]; intros i H; [discriminate|]. cbn [output_pair] in H.
  assert (N : output_pair (S i) blocks f g = Some (p, delta) ->
    (i <= p < i + length (b :: blocks))%nat /\ pair_of (nth (p - i) (b :: blocks) no_block) = Some (f, g, None)
    /\ bk_delta (nth (p - i) (b :: blocks) no_block) = delta).
  { intros H'. destruct (IH (S i) H') as (R & P). replace (p - i)%nat with (S (p - S i)) by lia. simpl.
    split; [lia | exact P]. }
  destruct (pair_of b) as [[[u w] [l|]]|] eqn:E; try (apply N, H).
  destruct (Nat.eqb u f && Nat.eqb w g) eqn:M; [|apply N, H].
  injection H as <- <-. rewrite Nat.sub_diag. simpl. split; [lia|].
  apply andb_prop in M. destruct M as [M1 M2]. apply Nat.eqb_eq in M1, M2. subst. auto.
Qed.

Lemma pair_means region b vals v u w s : block_means region b vals v -> pair_of b = Some (u, w, s) ->
  difference_means (bk_delta b) s (values vals u) (values vals w) v.
Proof.
  intros (_ & _ & M) P. unfold pair_of in P. destruct (bk_kind b); try discriminate; injection P as <- <- <-; tauto.
Qed.

Section Start.

Variable region : option ball.
Variable blocks : list block.
Variable vals : list (list R).
Hypothesis plan : plan_means region blocks vals.

Lemma output_pair_means f g p delta : output_pair 0 blocks f g = Some (p, delta) ->
  (0 <= delta)%Z /\ difference_means delta None (values vals f) (values vals g) (values vals p).
Proof.
  intros H. apply output_pair_ok in H. rewrite Nat.sub_0_r in H. destruct H as (R & P & <-).
  destruct plan as [_ M]. specialize (M p ltac:(lia)). split; [apply M|]. apply (pair_means _ _ _ _ _ _ _ M P).
Qed.

Lemma value_of b c : dot c (values vals b) = dot c (output_of blocks vals b) * pow2 (scale_of blocks b).
Proof. unfold output_of. rewrite dot_scale, Rmult_assoc, pow2_opp. lra. Qed.

Theorem start_correct out_f out_g on row c cs scale :
  (0 <= c)%Z -> (out_f < length blocks)%nat ->
  let F := output_of blocks vals out_f in
  let G := other_of blocks vals out_f out_g in
  length F = length G ->
  start blocks out_f out_g on row c = Ok (cs, scale) ->
  started cs vals = - dot row (quantity_vector on F G) * pow2 (c + scale).
Proof.
  intros C B F G L H. rewrite bpow_plus, <- Rmult_assoc. unfold start in H.
  set (neg := map (fun x => Z.shiftl (- x) c) row) in *.
  assert (N : forall v, dot neg v = - dot row v * pow2 c) by (intros; apply dot_negated, C).
  assert (DF : forall m, dot m (values vals out_f) = dot m F * pow2 (scale_of blocks out_f)) by (intros; apply value_of).
  destruct out_g as [g|]; cbn [other_of] in G.
  2: { destruct on; try discriminate; injection H as <- <-; cbn [started fold_right fst snd quantity_vector]; rewrite DF, N.
       - ring.
       - replace G with (repeat 0 (length F)) by (unfold G, F, output_of; rewrite map_length; reflexivity).
         rewrite minus_zeros. ring. }
  assert (DG : forall m, dot m (values vals g) = dot m G * pow2 (scale_of blocks g)) by (intros; apply value_of).
  assert (D : dot row (map2 Rminus F G) = dot row F - dot row G) by (apply dotR_minus, L).
  destruct on; cbn [quantity_vector].
  - injection H as <- <-; cbn [started fold_right fst snd]. rewrite DF, N. ring.
  - injection H as <- <-; cbn [started fold_right fst snd]. rewrite DG, N. ring.
  - rewrite D. destruct (Nat.eqb_spec out_f g) as [<- | NE].
    + injection H as <- <-; cbn [started fold_right fst snd]. rewrite dot_zero. unfold G, F. ring.
    + apply bind_ok in H. destruct H as (u & S & H). apply need_ok, Z.eqb_eq in S.
      destruct (output_pair 0 blocks out_f g) as [[p finer]|] eqn:P; injection H as <- <-; cbn [started fold_right fst snd].
      * destruct (output_pair_means _ _ _ _ P) as [_ M]. rewrite (dot_difference _ _ _ _ _ M), DF, DG, !N, <- S, bpow_plus. ring.
      * rewrite dot_opp, DF, DG, !N, <- S. ring.
  - assert (LF : length F = bk_size (nth out_f blocks no_block)).
    { unfold F, output_of. rewrite map_length. apply plan, B. }
    unfold start_both in H. rewrite <- LF in H. set (a := firstn (length F) neg) in *. set (b := skipn (length F) neg) in *.
    assert (A : dot a F + dot b G = - dot row (F ++ G) * pow2 c) by (rewrite <- N; symmetry; apply dot_app; reflexivity).
    rewrite <- A. destruct (Nat.eqb_spec out_f g) as [<- | NE].
    + injection H as <- <-; cbn [started fold_right fst snd]. rewrite dot_addl, !DF. unfold G. fold F. ring.
    + apply bind_ok in H. destruct H as (u & S & H). apply need_ok, Z.eqb_eq in S.
      destruct (output_pair 0 blocks out_f g) as [[p finer]|] eqn:P; injection H as <- <-; cbn [started fold_right fst snd].
      * destruct (output_pair_means _ _ _ _ P) as [K M].
        rewrite (dot_difference _ _ _ _ _ M), !dot_shiftl, !dot_addl, dot_opp, !DF, !DG, <- S, bpow_plus by assumption. ring.
      * rewrite DF, DG, <- S. ring.
Qed.

End Start.

(** A lower bound of what has been started is an upper bound of the row. *)
Lemma started_upper x unit k e : 0 < unit -> IZR k <= - x * pow2 e -> x / unit <= - IZR k / (unit * pow2 e).
Proof.
  intros U H. pose proof (pow2_pos e) as P. apply (Rmult_le_reg_r (unit * pow2 e)); [apply Rmult_lt_0_compat; assumption|].
  field_simplify; lra.
Qed.
